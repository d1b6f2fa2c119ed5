/**
 * Patterns measured in the engine and in the live kernel, their samples taken in turn, so that a
 * slow moment of the machine falls on both.
 */

/** Rounds until V8 has compiled what is measured. */
const WARM_ROUNDS = 40;

/**
 * @param subjects each with `row`, of key, name, and floor and target where there are such, as
 *   ratios of the kernel's time to the engine's; `engine`: what is done `times` times by `run`,
 *   with an untimed `before` and `after`; `kernel`: nanoseconds an operation, as a promise, or null
 * @param rounds samples of each
 */
export async function compare(subjects, rounds) {
  for (const { engine, kernel } of subjects) {
    for (let i = 0; i < WARM_ROUNDS; i++) runEngine(engine);
    await kernel?.();
  }
  const taken = subjects.map(() => ({ engine: [], kernel: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [i, { engine, kernel }] of subjects.entries()) {
      taken[i].engine.push(runEngine(engine));
      if (kernel !== null) taken[i].kernel.push(await kernel());
    }
  }
  return subjects.map(({ row }, i) => resultOf(row, taken[i]));
}

function runEngine({ times, before, run, after }) {
  before?.();
  const begin = performance.now();
  run();
  const took = performance.now() - begin;
  after?.();
  return (took * 1e6) / times;
}

function resultOf({ key, name, floor = null, target = null }, taken) {
  const engine = summary(taken.engine);
  const kernel = taken.kernel.length === 0 ? null : summary(taken.kernel);
  const ratio = kernel === null ? null : kernel.p10 / engine.p10;
  return { key, name, engine, kernel, ratio, floor, target };
}

function summary(taken) {
  const sorted = taken.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.floor(sorted.length * share)];
  return { p10: at(0.1), median: at(0.5) };
}

const cells = (name, ...rest) =>
  console.log(name.padEnd(40) + rest.map((cell) => cell.padStart(11)).join(''));

/** Nanoseconds, and ratios. */
export function printTable(results) {
  cells('', 'engine', '', 'kernel', '', 'ratio', 'floor', 'target');
  cells('', 'p10', 'median', 'p10', 'median', '', '', '');
  for (const { name, engine, kernel, ratio, floor, target } of results) {
    cells(
      name,
      ...[engine.p10, engine.median, kernel?.p10, kernel?.median].map(nanoseconds),
      ...[ratio, floor, target].map(times),
    );
  }
}

function nanoseconds(ns) {
  if (ns === undefined || Number.isNaN(ns)) return '-';
  return ns < 100 ? ns.toFixed(1) : Math.round(ns).toLocaleString('en');
}

const times = (ratio) => (ratio === null || Number.isNaN(ratio) ? '-' : `${ratio.toFixed(1)}x`);
