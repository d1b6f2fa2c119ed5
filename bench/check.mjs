/**
 * How fast the model checker is: schedules and accesses a second, and how many executions it takes
 * to have seen all of a scenario.
 *
 *     npm run build && node bench/check.mjs [--json] [--seconds 1]
 *
 * `accesses` are those that were made, without those repeated for a thread that was left. The
 * rows without races are without the race detector, as the study measured.
 */
import { parseArgs } from 'node:util';
import * as checker from '../dist/bundle/check.js';
import { copyOnWrite, vmaLock } from './check/scenarios.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '1' },
  },
});

/** The same in a memory of 4 MiB: what is not touched costs nothing. */
const inLargeMemory = ({ name, setup, ...scenario }) => ({
  ...scenario,
  name: `${name}, in 4 MiB`,
  setup() {
    const words = new Int32Array(1 << 20);
    words.set(setup());
    return words;
  },
});

const ROWS = [
  { scenario: vmaLock(checker, 1, 1), strategy: 'all', races: false },
  { scenario: vmaLock(checker, 1, 1), strategy: 'all', races: true },
  { scenario: vmaLock(checker, 1, 1), strategy: 'dpor', races: true },
  { scenario: vmaLock(checker, 1, 1), strategy: 'states', races: true },
  { scenario: vmaLock(checker, 2, 1), strategy: 'dpor', races: true },
  { scenario: vmaLock(checker, 2, 1), strategy: 'states', races: true },
  { scenario: inLargeMemory(vmaLock(checker, 2, 1)), strategy: 'dpor', races: true },
  { scenario: copyOnWrite(checker, 1, 1), strategy: 'dpor', races: true },
  { scenario: copyOnWrite(checker, 1, 2), strategy: 'dpor', races: true },
  { scenario: copyOnWrite(checker, 2, 2), strategy: 'dpor', races: true },
];

/** Explores again and again, for so many seconds after as many to warm up. */
function measure({ scenario, strategy, races }, seconds) {
  const run = () => checker.explore(scenario, { strategy, races, seconds: 20, executions: 2e6 });
  for (const end = performance.now() + seconds * 500; performance.now() < end;) run();
  let [executions, steps, spent, report] = [0, 0, 0, null];
  while (spent < seconds) {
    report = run();
    executions += report.executions;
    steps += report.steps;
    spent += report.seconds;
  }
  return {
    name: `${scenario.name}, ${strategy}${races ? '' : ', no races'}`,
    executions: report.executions,
    exhausted: report.isExhausted,
    millisecondsToExhaust: (report.seconds * 1000).toFixed(1),
    schedulesPerSecond: Math.round(executions / spent),
    accessesPerSecond: Math.round(steps / spent),
  };
}

const results = ROWS.map((row) => measure(row, Number(options.seconds)));
if (options.json) console.log(JSON.stringify({ schema: 'vmaspace-bench-check/1', results }));
else console.table(results);
