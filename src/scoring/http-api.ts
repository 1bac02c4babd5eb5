/**
 * The messages of the scoring API, version 1, as both sides check them: a gate that asks, and a service that answers.
 * config/scoring-api.yaml says the same to those who write other services; a test compares the two.
 */
import { z } from 'zod';

/** media types of what is sent and answered */
export const apiTypes = {
  json: 'application/json',
  problem: 'application/problem+json',
  file: 'application/octet-stream',
};

/** Header fields beside those of HTTP; only sent when the gate is told to. */
export const apiHeaders = { fileNames: 'sluice-file-names', declaredType: 'sluice-declared-type' };

/** below the base address of a service */
export const apiPaths = {
  engine: 'v1/engine',
  files: 'v1/files',
  hash: (sha256: string) => `v1/hashes/${sha256}`,
  analysis: (id: string) => `v1/analyses/${id}`,
};

const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('SHA-256 of the file, in lower-case hex.');

const engine = z
  .string()
  .max(100)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/)
  .describe('Name of the engine, e.g. example-sandbox.');

const version = z
  .string()
  .max(100)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/)
  .describe('Changes whenever the same bytes might get another score: a new engine, new signatures, another setting.');

export const engineSchema = z
  .object({
    engine,
    version,
    maxBytes: z.int().min(1).optional().describe('Larger files are not taken; absent when there is no such limit.'),
    opensArchives: z
      .boolean()
      .optional()
      .describe(
        'Whether archives are looked into, so that their members need not be sent one by one; absent is false.',
      ),
  })
  .describe('What the service is, and that it can do its work.');

export const scoredSchema = z
  .object({
    status: z.literal('scored'),
    sha256: digest,
    score: z.number().min(0).max(1).describe('0 is benign, 1 is the most malicious.'),
    name: z.string().max(200).describe('What was recognised, e.g. a family or a rule; empty for a clean file.'),
    engine,
    version,
  })
  .describe('A finished analysis.');

export const unscoredCauses = ['encrypted', 'unscannable', 'unknown-file'] as const;

export const unscoredSchema = z
  .object({
    status: z.literal('unscored'),
    sha256: digest,
    cause: z
      .enum(unscoredCauses)
      .describe(
        'encrypted: nobody can look inside without a key. unscannable: it cannot be read in full. unknown-file: it was looked at, and there is no opinion.',
      ),
    detail: z.string().max(500).describe('For the log of whoever asked.'),
    engine,
    version,
  })
  .describe('A finished analysis that has no score.');

export const pendingSchema = z
  .object({ status: z.literal('pending'), sha256: digest })
  .describe('The analysis goes on; the field Location says where its result will be.');

export const resultSchema = z
  .discriminatedUnion('status', [scoredSchema, unscoredSchema])
  .describe('What an analysis came to. It must be a function of the bytes alone, unless names were sent.');

export const problemSchema = z
  .object({
    type: z.string().max(500).describe('A URI, or about:blank.'),
    title: z.string().max(500).describe('The kind of problem, for a person.'),
    status: z.int().min(400).max(599).describe('The status of the answer.'),
    detail: z.string().max(2000).optional().describe('This occurrence, for a person.'),
  })
  .describe('RFC 9457: why a request was not done.');

export type EngineInfo = z.output<typeof engineSchema>;
export type Result = z.output<typeof resultSchema>;
export type Pending = z.output<typeof pendingSchema>;
export type Problem = z.output<typeof problemSchema>;
