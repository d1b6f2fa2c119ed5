/** Writes docs/mutants.md: `node --conditions=checked dist/lab/races/mutants_main.js`. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mutantPage } from './mutant_table.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** The file with their sentences: it is read, not imported. */
const LIST = `${ROOT}/src/engine/arena/no_mutants.ts`;
const tell = (mutant: string): void => void process.stderr.write(`${mutant}\n`);

process.stdout.write(mutantPage(readFileSync(LIST, 'utf8'), tell));
