/** `node dist/src/config/write-reference.js [FOLDER]`: stores the generated reference and editor schema, by default in config/. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { editorSchema, referenceYaml } from './reference.js';

const folder = process.argv[2] ?? 'config';
writeFileSync(join(folder, 'reference.yaml'), referenceYaml());
writeFileSync(join(folder, 'schema.json'), editorSchema());
