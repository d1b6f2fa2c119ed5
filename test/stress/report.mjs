// What was done and what met what, by form and by storm; and whether that was a storm at all.
const MET = ['aborts', 'retries', 'misses', 'waits', 'wakes'];
const DONE = ['operations', 'forks', 'exits', 'killed', 'interrupted', 'filled', 'slept', 'gaps'];
const COLUMNS = ['rounds', 'ms', ...DONE, 'success', ...MET];
/** A kind of storm in which for so long nobody met anybody is none. */
const ENOUGH_MS = 2000;

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

export function makeReport() {
  const burials = { buried: 0, withLocks: 0, torn: 0 };
  return { byForm: new Map(), byTheme: new Map(), burials, begun: performance.now() };
}

/** One round of a storm. */
export function addRound(report, { form, theme, ms, before, after, tallies }) {
  const row = { rounds: 1, ms };
  for (const name of DONE) row[name] = sum(tallies.map((tally) => tally[name]));
  for (const name of ['success', ...MET]) row[name] = after[name] - before[name];
  addTo(report.byForm, form, row);
  addTo(report.byTheme, theme, row);
}

export function addBurial({ burials }, { locks, isTorn }) {
  burials.buried++;
  if (locks.length > 0) burials.withLocks++;
  if (isTorn) burials.torn++;
}

function addTo(rows, key, row) {
  const old = rows.get(key) ?? {};
  rows.set(key, Object.fromEntries(COLUMNS.map((name) => [name, (old[name] ?? 0) + row[name]])));
}

/** What is no storm, though it had the time to be one. */
export function calmOf({ byForm, byTheme }) {
  const isCalm = (row) => row.ms >= ENOUGH_MS && sum(MET.map((name) => row[name])) === 0;
  return [...byForm, ...byTheme]
    .filter(([, row]) => isCalm(row))
    .map(([form]) => ({ form, message: 'nobody met anybody: this was no storm' }));
}

function summaryOf({ byForm, burials, begun }, { seed, workers }) {
  const total = new Map();
  for (const row of byForm.values()) addTo(total, 'all', row);
  const seconds = Number(((performance.now() - begun) / 1000).toFixed(1));
  return { seed, workers, seconds, forms: byForm.size, ...burials, ...total.get('all') };
}

export function printReport(report, { findings, options }) {
  const ok = findings.length === 0;
  const summary = summaryOf(report, options);
  if (options.json) {
    console.log(JSON.stringify({ schema: 'vmaspace-stress-1', ok, summary, findings }, null, 2));
    return;
  }
  printRows('form', report.byForm);
  printRows('storm', report.byTheme);
  const { seed, workers, seconds, buried, withLocks, torn } = summary;
  const ended = `${buried} ended in the middle, ${withLocks} of them with locks`;
  if (buried > 0) console.log(`\n${ended}; ${torn} machines given up`);
  for (const { form, doing = 'all of it', message, repeat } of findings) {
    console.log(`\n${form}, ${doing}: ${message}`);
    if (repeat !== undefined) console.log(`again: ${repeat}`);
  }
  console.log(`\nseed ${seed}, ${workers} workers, ${seconds} s: ${ok ? 'clean' : 'not clean'}`);
}

const WIDTH = 12;
const SHOWN = COLUMNS.filter((name) => name !== 'ms');

function printRows(title, rows) {
  const width = Math.max(...[...rows.keys()].map((name) => name.length), title.length);
  const print = (name, cells) =>
    console.log(`${name.padEnd(width)}${cells.map((cell) => cell.padStart(WIDTH)).join('')}`);
  print(title, SHOWN);
  for (const [name, row] of rows) {
    print(
      name,
      SHOWN.map((column) => String(row[column])),
    );
  }
}
