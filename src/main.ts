#!/usr/bin/env node
/** The program: hands the command line to the command that it names. */
import { runProgram } from './cli/program.js';

await runProgram(process.argv);
