/** Writes docs/coverage.md: `node dist/lab/coverage/coverage_main.js > docs/coverage.md`. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CoverageError, coverageText } from './coverage.ts';
import { readEvidence } from './evidence.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TEMPLATE = 'docs/coverage.in.md';

try {
  const template = readFileSync(`${ROOT}/${TEMPLATE}`, 'utf8');
  process.stdout.write(coverageText(template, readEvidence(ROOT)));
} catch (error) {
  if (!(error instanceof CoverageError)) throw error;
  process.stderr.write(`${TEMPLATE}, ${error.message}.\n`);
  process.exitCode = 1;
}
