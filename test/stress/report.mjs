// What was done and what met what, by form and by storm; and whether that was a storm at all.
const MET = ['aborts', 'retries', 'misses', 'waits', 'wakes'];
const DONE = ['operations', 'forks', 'exits', 'killed', 'interrupted', 'filled', 'slept', 'gaps'];
const COLUMNS = ['rounds', 'ms', ...DONE, 'success', ...MET];
/** A kind of storm in which for so long nobody met anybody is none. */
const ENOUGH_MS = 2000;

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

export class Report {
  #byForm = new Map();
  #byTheme = new Map();
  #begun = performance.now();

  #burials = { buried: 0, withLocks: 0, torn: 0 };

  bury({ locks, isTorn }) {
    this.#burials.buried++;
    if (locks.length > 0) this.#burials.withLocks++;
    if (isTorn) this.#burials.torn++;
  }

  /** One round of a storm. */
  add({ form, theme, ms, before, after, tallies }) {
    const row = { rounds: 1, ms };
    for (const name of DONE) row[name] = sum(tallies.map((tally) => tally[name]));
    for (const name of ['success', ...MET]) row[name] = after[name] - before[name];
    addTo(this.#byForm, form, row);
    addTo(this.#byTheme, theme, row);
  }

  /** What is no storm, though it had the time to be one. */
  findings() {
    const isCalm = (row) => row.ms >= ENOUGH_MS && sum(MET.map((name) => row[name])) === 0;
    return [...this.#byForm, ...this.#byTheme]
      .filter(([, row]) => isCalm(row))
      .map(([name]) => ({ form: name, message: 'nobody met anybody: this was no storm' }));
  }

  #summary({ seed, workers }) {
    const total = new Map();
    for (const row of this.#byForm.values()) addTo(total, 'all', row);
    const seconds = Number(((performance.now() - this.#begun) / 1000).toFixed(1));
    return {
      seed,
      workers,
      seconds,
      forms: this.#byForm.size,
      ...this.#burials,
      ...total.get('all'),
    };
  }

  print({ isJson, findings, options }) {
    const ok = findings.length === 0;
    const summary = this.#summary(options);
    if (isJson) {
      console.log(JSON.stringify({ schema: 'vmaspace-stress-1', ok, summary, findings }, null, 2));
      return;
    }
    printRows('form', this.#byForm);
    printRows('storm', this.#byTheme);
    for (const { form, doing = 'all of it', message, repeat } of findings) {
      console.log(`\n${form}, ${doing}: ${message}`);
      if (repeat !== undefined) console.log(`again: ${repeat}`);
    }
    const { seed, workers, seconds, buried, withLocks, torn } = summary;
    const ended = `${buried} ended in the middle, ${withLocks} of them with locks`;
    if (buried > 0) console.log(`\n${ended}; ${torn} machines given up`);
    console.log(`\nseed ${seed}, ${workers} workers, ${seconds} s: ${ok ? 'clean' : 'not clean'}`);
  }
}

function addTo(rows, key, row) {
  const old = rows.get(key) ?? {};
  const added = COLUMNS.map((name) => [name, (old[name] ?? 0) + row[name]]);
  rows.set(key, Object.fromEntries(added));
}

const WIDTH = 11;
const SHOWN = COLUMNS.filter((name) => name !== 'ms');

function printRows(title, rows) {
  const nameWidth = Math.max(...[...rows.keys()].map((name) => name.length), title.length);
  const line = (name, cells) =>
    console.log(`${name.padEnd(nameWidth)} ${cells.map((cell) => cell.padStart(WIDTH)).join('')}`);
  line(title, SHOWN);
  for (const [name, row] of rows)
    line(
      name,
      SHOWN.map((column) => String(row[column])),
    );
}
