/**
 * The house's floors: who may import whom.
 *
 *   node scripts/check_imports.mjs
 *
 * Prints `file:line: sentence` for each import that goes up, and exits with 1.
 */
import { pathToFileURL } from 'node:url';
import {
  filesBelow,
  importsOf,
  matchesOf,
  readSources,
  resolveImport,
  ROOT,
} from './source_text.mjs';

/** The folders of src/engine, from the ground up: each may import those before it. */
export const FLOORS = [
  'arena', //   words
  'trace', //   what happened
  'sync', //    who waits for whom
  'rcu', //     when words may be reused
  'slab', //    words to objects
  'maple', //   ranges to words
  'mm', //      who may touch what
  'page', //    what an address means
  'file', //    what a mapping maps
  'rmap', //    which VMAs may hold the same pages
  'vma', //     writes VMAs
  'fault', //   reads VMAs, writes what a touch leaves
  'syscall', // checks, locks, calls
  'task', //    who owns an mm
  'procfs', //  who reads an mm
];

/** Which parts of the lab may use which others; every part may use the public face. */
export const LAB_PARTS = {
  strace: [],
  oracle: [],
  replay: ['strace'],
  record: ['strace'],
  conform: ['oracle'],
  survey: [],
  sweep: ['oracle'],
  fuzz: ['oracle', 'conform'],
  coverage: ['conform', 'fuzz', 'pack'],
  check: ['oracle'],
  races: ['check'],
  pack: ['conform', 'oracle', 'strace'],
  events: ['conform', 'oracle', 'pack'],
};

/** What stands above the engine and may see all of it. */
const FACE = [
  'index',
  'machine',
  'machine_allocations',
  'machine_files',
  'process',
  'process_memory',
  'process_tasks',
  'process_userfault',
  'drivers',
].map((name) => `src/${name}.ts`);
/** npm packages, by the folder that may import them. */
const PACKAGES = { 'src/cli/': ['commander'] };
/** Parts of the lab that also run where there is no Node. */
const WITHOUT_NODE = ['src/lab/strace/', 'src/lab/check/'];
/** Files of the lab that look at files of the system through a machine. */
const HOST_USERS = { 'src/lab/replay/elf_files.ts': 'src/host/node_files.ts' };
/** Words of the shared memory that a file outside arena/ may name, as types of its public face. */
const SHARED_NAMES = { 'src/machine.ts': ['SharedArrayBuffer'] };

/** What stands behind each seam by default; only the seam's own files know what else there is. */
const SEAMS = {
  '#atomics': 'src/engine/arena/atomics.ts',
  '#mutants': 'src/engine/arena/no_mutants.ts',
  '#shadow': 'src/engine/arena/no_shadow.ts',
};
/** What stands there in a checked build. It may know what it stands for. */
const CHECKED = ['checked_atomics', 'guard', 'mutants', 'scheduled_views', 'shadow'].map(
  (name) => `src/engine/arena/${name}.ts`,
);
/** Its scenarios look into the engine, and take the place of what decides who runs. */
const INSIDE_ENGINE = 'src/lab/races/';

const isTest = (path) => path.endsWith('.test.ts') || path.startsWith('test/');
const floorOf = (path) => /^src\/engine\/([^/]+)\//u.exec(path)?.[1];
const partOf = (path) => /^src\/lab\/([^/]+)\//u.exec(path)?.[1];
const isNodeBuiltin = (specifier) => specifier.startsWith('node:');

/** @returns the violations in these sources, as `{ path, line, sentence }`. */
export function checkImports(sources) {
  return sources.flatMap((file) => [
    ...importsOf(file).flatMap(({ specifier, line }) => {
      const sentence = isTest(file.path) ? refuseOfTest(specifier) : refuse(file.path, specifier);
      return sentence === null ? [] : [{ path: file.path, line, sentence }];
    }),
    ...(isTest(file.path) ? [] : checkNames(file)),
  ]);
}

/** Tests may look at everything, with the tools of testing. */
function refuseOfTest(specifier) {
  const isKnown =
    /^(?:\.|#|node:)/u.test(specifier) || ['vitest', 'fast-check', 'rolldown'].includes(specifier);
  return isKnown ? null : `a test imports the package "${specifier}", which is no tool of testing.`;
}

/** @returns why `path` may not import `specifier`, or null. */
function refuse(path, specifier) {
  if (specifier in SEAMS) return refuseTarget(path, SEAMS[specifier], true);
  if (specifier.startsWith('.')) return refuseTarget(path, resolveImport(path, specifier), false);
  if (isNodeBuiltin(specifier)) return refuseNode(path, specifier);
  const isAllowed = Object.entries(PACKAGES).some(
    ([folder, names]) => path.startsWith(folder) && names.includes(specifier),
  );
  return isAllowed ? null : `the package "${specifier}" may not be imported here.`;
}

function refuseNode(path, specifier) {
  if (floorOf(path) !== undefined || FACE.includes(path)) {
    return `the engine runs in a browser too and may not import "${specifier}".`;
  }
  const part = WITHOUT_NODE.find((folder) => path.startsWith(folder));
  return part === undefined ? null : `${part} runs in a browser too: no "${specifier}".`;
}

function refuseTarget(path, target, bySeam) {
  if (isTest(target)) return `nothing imports a test, and ${target} is one.`;
  if (!target.startsWith('src/')) return `${target} is outside src/, which is all that is built.`;
  const seam = Object.keys(SEAMS).find((name) => SEAMS[name] === target);
  if (seam !== undefined && !bySeam && !CHECKED.includes(path)) {
    return `${target} is imported as "${seam}", so that a checker can take its place.`;
  }
  if (CHECKED.includes(target) && !CHECKED.includes(path) && !path.startsWith(INSIDE_ENGINE)) {
    return `${target} is of checked builds only: import the seam.`;
  }
  const floor = floorOf(path);
  if (floor !== undefined) return refuseFromEngine(floor, target);
  if (FACE.includes(path)) return refuseFromFace(target);
  if (path.startsWith('src/host/')) return refuseFromHost(target);
  return path.startsWith('src/lab/') ? refuseFromLab(path, target) : refuseFromCli(path, target);
}

function refuseFromEngine(floor, target) {
  const below = floorOf(target);
  if (below === undefined) return `${floor}/ is part of the engine and may not import ${target}.`;
  const from = FLOORS.indexOf(floor);
  const to = FLOORS.indexOf(below);
  if (from === -1) return `the folder ${floor}/ is on no floor: add it to FLOORS.`;
  if (to === -1) return `the folder ${below}/ is on no floor: add it to FLOORS.`;
  return to <= from ? null : `${floor}/ may not import ${below}/, which is on a floor above it.`;
}

const refuseFromFace = (target) =>
  floorOf(target) !== undefined || FACE.includes(target)
    ? null
    : `the public face imports only the engine, not ${target}.`;

const refuseFromHost = (target) =>
  target === 'src/index.ts' || target.startsWith('src/host/')
    ? null
    : `a host uses src/index.ts as every program does, not ${target}.`;

const isFaceForLab = (target) => target === 'src/index.ts' || floorOf(target) === 'trace';

function refuseFromLab(path, target) {
  if (isFaceForLab(target) || HOST_USERS[path] === target) return null;
  const part = partOf(path);
  const other = partOf(target);
  const isInside = floorOf(target) !== undefined || FACE.includes(target);
  if (isInside && path.startsWith(INSIDE_ENGINE)) return null;
  if (other === undefined) return `the lab uses src/index.ts and engine/trace, not ${target}.`;
  if (other === part || LAB_PARTS[part]?.includes(other)) return null;
  return `lab/${part} may not import lab/${other}: LAB_PARTS does not say so.`;
}

function refuseFromCli(path, target) {
  if (isFaceForLab(target) || target.startsWith('src/lab/')) return null;
  const isCli = path.startsWith('src/cli/') && target.startsWith('src/cli/');
  return isCli ? null : `commands use src/index.ts, engine/trace and the lab, not ${target}.`;
}

/** Names that are nobody's import but tie a file to a platform, or to the shared memory. */
function checkNames({ path, bare }) {
  const found = [];
  const isEngine = floorOf(path) !== undefined;
  const globals = /(?<![.\w$#])(process|Buffer|require|__dirname|__filename)\b(?!\s*:)/gu;
  for (const { match, line } of isEngine ? matchesOf(bare, globals) : []) {
    found.push({ path, line, sentence: `the engine may not use Node's "${match[1]}".` });
  }
  if (floorOf(path) === 'arena' || !(isEngine || FACE.includes(path))) return found;
  for (const { match, line } of matchesOf(bare, /\b(SharedArrayBuffer|Atomics)\b/gu)) {
    if (SHARED_NAMES[path]?.includes(match[1])) continue;
    found.push({ path, line, sentence: `only arena/ may name ${match[1]}.` });
  }
  return found;
}

/** Checks the project itself. */
export function main() {
  const sources = readSources(ROOT, [
    ...filesBelow(ROOT, 'src', ['.ts']),
    ...filesBelow(ROOT, 'test', ['.ts']),
  ]);
  const violations = checkImports(sources);
  for (const { path, line, sentence } of violations) console.log(`${path}:${line}: ${sentence}`);
  console.log(`${violations.length} violations in ${sources.length} files.`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
