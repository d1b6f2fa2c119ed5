/**
 * Stress: several workers do everything at once to the same processes, in every generation, and
 * every page is looked at.
 *
 *     npm run build && node test/stress/stress.mjs [--seconds N] [--seed S] [--workers N]
 *         [--form refcnt,gather,per-vma]... [--theme NAME] [--bury] [--json]
 *
 *     --seconds N   in all, divided among the forms (default 60)
 *     --seed S      of everything that is drawn; how the workers meet is never the same
 *     --workers N   beside the one that looks on (default 3)
 *     --form F      only forms with these values; again for others
 *     --theme NAME  only one kind of storm
 *     --bury        in every round another worker is ended in the middle, and buried
 *
 * Exit code 0: clean; 1: something did not hold, with the command that repeats it; 2: wrong use.
 */
import { parseArgs } from 'node:util';
import { endDoomed, startDoomed } from './burials.mjs';
import { attachCrew, endCrew, leaveMachine, runRound, startCrew } from './crew.mjs';
import { axesText, FORMS, formsWith, nameOf, protocolOf } from './forms.mjs';
import { PROCESSES, WORKERS_MAX } from './places.mjs';
import { addBurial, addRound, calmOf, makeReport, printReport } from './report.mjs';
import {
  checkScene,
  checkWarnings,
  contentionOf,
  exitAll,
  makeScene,
  serveSleepers,
} from './scene.mjs';
import { THEMES } from './themes.mjs';

const ROUND_MS = 20;

const options = readOptions();
const report = makeReport();
let crew = startCrew(options.workers);
let failure = null;
for (const form of options.forms) {
  failure = await stress(form);
  if (failure !== null) break;
}
await endCrew(crew);
const findings = failure === null ? calmOf(report) : [failure];
printReport(report, { findings, options });
process.exitCode = findings.length === 0 ? 0 : 1;

/** One machine from its beginning to its end. @returns what did not hold, or null. */
async function stress(form) {
  const index = FORMS.indexOf(form);
  const { workers, themes, bury } = options;
  const seed = options.seed + index * 7919;
  let doing = 'making the machine';
  try {
    const scene = makeScene({ form: protocolOf(form, index), workers, seed });
    await attachCrew(crew, scene.order);
    const until = performance.now() + (1000 * options.seconds) / options.forms.length;
    for (let round = 0; round === 0 || performance.now() < until; round++) {
      const theme = themes[(index + round) % themes.length];
      doing = `round ${round}, ${theme}`;
      const hot = round % PROCESSES;
      const storm = { form: nameOf(form), theme, hot, seed: seed + round * 104_729 };
      const isWhole = await (bury ? mournedRound(scene, storm) : wholeRound(scene, storm));
      if (!isWhole) return null;
    }
    doing = 'the end';
    await leaveMachine(crew);
    exitAll(scene);
    if (!bury) scene.machine.tearDown();
    return null;
  } catch (error) {
    return { form: nameOf(form), doing, message: error.stack, repeat: repeatOf(form) };
  }
}

async function wholeRound(scene, storm) {
  const how = { ms: ROUND_MS, without: [], serve: () => serveSleepers(scene) };
  const before = contentionOf(scene);
  const tallies = await runRound(crew, { ...storm, ...how });
  addRound(report, { ...storm, ...how, before, after: contentionOf(scene), tallies });
  checkScene(scene);
  checkWarnings(scene);
  return true;
}

/** One worker more, which does not live to its end. @returns whether the machine is still whole. */
async function mournedRound(scene, storm) {
  const doomed = await startDoomed(scene, storm.seed);
  const before = contentionOf(scene);
  // Until it is buried this thread may wait for nothing, so nobody waits for this thread.
  const how = { ms: ROUND_MS + doomed.life, without: ['watched.sleep'], serve: () => undefined };
  const told = Promise.allSettled([runRound(crew, { ...storm, ...how })]);
  const burial = await endDoomed(scene, doomed);
  addBurial(report, burial);
  if (burial.isTorn) {
    await endCrew(crew);
    crew = startCrew(options.workers);
    return false;
  }
  const [{ reason, value: tallies }] = await told;
  if (reason !== undefined) throw reason;
  addRound(report, { ...storm, ...how, before, after: contentionOf(scene), tallies });
  checkScene(scene);
  return true;
}

function repeatOf(form) {
  const given = ['seed', 'seconds', 'workers'].flatMap((name) => [`--${name}`, options[name]]);
  if (options.themes.length === 1) given.push('--theme', options.themes[0]);
  if (options.bury) given.push('--bury');
  const program = ['node', ...process.execArgv, 'test/stress/stress.mjs'];
  return [...program, '--form', nameOf(form), ...given].join(' ');
}

function readOptions() {
  const { values } = parsed();
  const whole = (name, least, most) => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    return wrongUse(`--${name} takes a whole number from ${least} to ${most}.`);
  };
  const forms = values.form.flatMap((text) => {
    const found = formsWith(text);
    return found.length > 0 ? found : wrongUse(`--form takes values of ${axesText()}.`);
  });
  const isTheme = values.theme === undefined || THEMES.includes(values.theme);
  if (!isTheme) wrongUse(`--theme is one of ${THEMES.join(', ')}.`);
  return {
    seconds: whole('seconds', 1, 86_400),
    seed: whole('seed', 0, 2 ** 31 - 1),
    workers: whole('workers', 2, WORKERS_MAX),
    forms: forms.length > 0 ? forms : FORMS,
    themes: values.theme === undefined ? THEMES : [values.theme],
    bury: values.bury,
    json: values.json,
  };
}

function parsed() {
  try {
    return parseArgs({
      options: {
        seconds: { type: 'string', default: '60' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        workers: { type: 'string', default: '3' },
        form: { type: 'string', multiple: true, default: [] },
        theme: { type: 'string' },
        bury: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return wrongUse(error.message);
  }
}

function wrongUse(sentence) {
  console.error(sentence);
  process.exit(2);
}
