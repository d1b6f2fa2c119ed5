/**
 * Everything that must hold, in one run: `npm test`.
 *
 *   node scripts/test.mjs            all steps
 *   node scripts/test.mjs lint tidy  only these
 *
 * Each step is one line with its duration. The output of the first step that
 * fails is shown whole, that of later ones by its end; each is followed by the
 * command that repeats it. The last line adds up the tests.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { ROOT } from './source_text.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'vmaspace-test-'));
const results = join(scratch, 'vitest.json');

/** A tool from node_modules, run without a shell and without asking npm. */
function tool(name, args, command = name) {
  const manifest = JSON.parse(
    readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'),
  );
  const bin = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[command];
  return {
    args: [join(ROOT, 'node_modules', name, bin), ...args],
    repeat: `npx ${command} ${args.filter((arg) => !arg.includes(scratch)).join(' ')}`,
  };
}

const script = (...args) => ({ args, repeat: `node ${args.join(' ')}` });

const VITEST = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`];

const CHECKS = ['check_imports', 'tidy', 'requirements', 'house'].map(
  (name) => `scripts/${name}.test.mjs`,
);

const STEPS = [
  { name: 'build', run: () => tool('typescript', ['-p', 'tsconfig.build.json'], 'tsc') },
  { name: 'bundle', run: () => script('scripts/bundle.mjs') },
  { name: 'types', run: () => tool('typescript', ['--noEmit'], 'tsc') },
  { name: 'lint', run: () => tool('oxlint', ['--type-aware']) },
  { name: 'format', run: () => tool('oxfmt', ['--check']) },
  { name: 'imports', run: () => script('scripts/check_imports.mjs') },
  { name: 'tidy', run: () => script('scripts/tidy.mjs') },
  { name: 'ids', run: () => script('scripts/requirements.mjs') },
  { name: 'checks', run: () => script('--test', ...CHECKS) },
  { name: 'tests', run: () => tool('vitest', VITEST) },
  { name: 'checked', run: () => tool('vitest', ['run', '-c', 'vitest.checked.config.ts']) },
];

const LATER_LINES = 60;
/** A step that takes longer is stopped: no timer inside it can end a loop that never yields. */
const STEP_MINUTES = 12;

/** Runs one step to its end. @returns whether it held. */
async function runStep({ name, run }, isFirstFailure) {
  const started = performance.now();
  let output = '';
  let repeat = 'npm ci';
  let code = 1;
  try {
    const step = run();
    repeat = step.repeat;
    ({ code, output } = await finish(step.args));
  } catch (error) {
    output = String(error);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(8)} ${seconds} s`);
  if (code !== 0) {
    const lines = output.trimEnd().split('\n');
    const shown = isFirstFailure ? lines : lines.slice(-LATER_LINES);
    console.log(shown.map((line) => `    ${line}`).join('\n'));
    console.log(`  again: ${repeat}`);
  }
  return code === 0;
}

/** Runs a child, in a process group of its own, so that all of it can be stopped. */
function finish(args) {
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', 'pipe', 'pipe'];
    const isGroup = process.platform !== 'win32';
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio, detached: isGroup });
    const chunks = [];
    const stop = () => {
      if (isGroup) process.kill(-child.pid, 'SIGKILL');
      else child.kill('SIGKILL');
    };
    const timer = setTimeout(() => {
      chunks.push(Buffer.from(`\nstopped: it did not end within ${STEP_MINUTES} minutes\n`));
      stop();
    }, STEP_MINUTES * 60_000);
    const interrupt = () => {
      stop();
      process.exit(130);
    };
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() });
    });
  });
}

/** @returns the totals of vitest; a test file that could not even be read is a failure. */
function vitestTotals() {
  const report = JSON.parse(readFileSync(results, 'utf8'));
  const unread = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unread.length,
    skipped: report.numPendingTests + report.numTodoTests,
    skippedNames: skippedNames(report),
  };
}

function skippedNames(report) {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  return tests.filter(({ status }) => !['passed', 'failed'].includes(status)).map(nameOf);
}

const nameOf = ({ fullName }) => fullName;

function readTotals(hasRun) {
  try {
    return vitestTotals();
  } catch {
    return { passed: 0, failed: hasRun ? 1 : 0, skipped: 0, skippedNames: [] };
  }
}

const asked = process.argv.slice(2);
const steps = STEPS.filter(({ name }) => asked.length === 0 || asked.includes(name));
if (steps.length === 0) {
  console.error(`There is no such step; the steps are ${STEPS.map((s) => s.name).join(', ')}.`);
  process.exit(2);
}

const failed = [];
for (const step of steps) {
  if (!(await runStep(step, failed.length === 0))) failed.push(step.name);
}

const totals = readTotals(steps.some(({ name }) => name === 'tests'));
rmSync(scratch, { recursive: true, force: true });
for (const name of totals.skippedNames) console.log(`skipped: ${name}`);

// A step before the tests that failed is a failure as much as a test is.
const otherFailures = failed.filter((name) => name !== 'tests' || totals.failed === 0).length;
if (failed.length > 0) console.log(`failed steps: ${failed.join(', ')}`);
console.log(
  `\n${totals.passed} passed, ${totals.failed + otherFailures} failed, ${totals.skipped} skipped`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
