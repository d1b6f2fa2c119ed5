/**
 * The sampler of all benchmarks here: short samples, taken in turn from all that is
 * measured, so that a slow moment of the machine falls on everything alike.
 */

const WARM_MS = 300;
const SAMPLES = 120;
const SAMPLE_MS = 1;

/**
 * @param {Record<string, (times: number) => number | void>} patterns each does its
 *   operation `times` times; or returns how many it did, when it cannot do as many
 * @returns {Record<string, {p10: number, median: number}>} nanoseconds an operation
 */
export function sample(patterns) {
  const runs = Object.entries(patterns).map(([name, pattern]) => warmed(name, pattern));
  for (let round = 0; round < SAMPLES; round++) for (const run of runs) takeOne(run);
  return Object.fromEntries(runs.map(({ name, taken }) => [name, summary(taken)]));
}

/** Runs until the code has been compiled, and finds how often makes a sample. */
function warmed(name, pattern) {
  const begin = performance.now();
  let times = 1;
  let took = 0;
  while (performance.now() - begin < WARM_MS || took < SAMPLE_MS / 2) {
    const start = performance.now();
    pattern(times);
    took = performance.now() - start;
    if (took < SAMPLE_MS / 2) times *= 2;
    else if (took > SAMPLE_MS * 2 && times > 1) times >>= 1;
  }
  return { name, pattern, times, taken: [] };
}

function takeOne({ pattern, times, taken }) {
  const start = performance.now();
  const done = pattern(times) ?? times;
  taken.push(((performance.now() - start) * 1e6) / done);
}

function summary(taken) {
  const sorted = taken.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.floor(sorted.length * share)];
  return { p10: at(0.1), median: at(0.5) };
}

/** One line a pattern. */
export function print(results, digits = 0) {
  for (const [name, { p10, median }] of Object.entries(results)) {
    const [low, middle] = [p10, median].map((ns) => ns.toFixed(digits).padStart(8));
    console.log(`  ${name.padEnd(24)} p10 ${low}  median ${middle}`);
  }
}
