/**
 * The habits of the house that a compiler does not check: reads the sources and
 * refuses what breaks them.
 *
 *   node scripts/tidy.mjs
 *
 * Prints `file:line: sentence (rule)` for each, and exits with 1.
 */
import { pathToFileURL } from 'node:url';
import { blocksOf } from './blocks.mjs';
import {
  filesBelow,
  importsOf,
  lineAt,
  matchesOf,
  readSources,
  resolveImport,
  ROOT,
} from './source_text.mjs';

const COLUMNS = 100;
const QUOTED = 40;
const FILE_LINES = 500;
const TEST_LINES = 700;
const FUNCTION_LINES = 60;
const README_LINES = 60;

/**
 * Where the handles that say "this lock is held" are made. Nowhere else may a cast
 * make one: the type is the proof, so each of these files has to deserve it.
 */
const CASTS_TO_HELD = {
  'src/engine/mm/mmap_lock.ts': 'takes mmap_lock: MmRead and MmWrite begin here',
  'src/engine/mm/vma_lock.ts': 'takes the lock of a VMA: Vma and VmaWrite begin here',
  'src/engine/mm/vma_lock/refcnt.ts': 'one of its generations',
  'src/engine/mm/vma_lock/rwsem.ts': 'one of its generations',
  'src/engine/mm/vma_lock/typesafe.ts': 'one of its generations',
  'src/engine/mm/vma_alloc.ts': 'a VMA that nobody else knows is hidden from everybody',
  'src/engine/mm/vma_iterator.ts':
    'what the tree holds is a VMA, stable under the MmRead it is given',
  'src/engine/rmap/rmap_walk.ts':
    'what a tree of the reverse map holds keeps its range under the lock of the tree',
  'src/engine/vma/prepare.ts': 'takes a VMA out of the reverse map: VmaHidden begins here',
  'src/engine/vma/verify.ts': 'walks the tree below the iterator, under the MmRead it is given',
};
const HELD =
  /\bas\s+(Vma|VmaWrite|VmaHidden|VmaPrepared|MmRead|MmWrite)\b(?=\s*[|;,)\]:?]|\s*$|\s*\?)/gmu;
/** A cast to whatever a function takes says the same without saying it. */
const HELD_BY_PROXY = /\bas\s+(?:Parameters|ReturnType)</gu;

/** Started by name, not imported. */
const ENTRIES = [
  'src/index.ts',
  'src/host/node_files.ts',
  'src/lab/check/index.ts',
  'src/cli/main.ts',
];
const isEntry = (path) => ENTRIES.includes(path) || /[._](?:main|worker)\.m?[jt]s$/u.test(path);

const isTest = (path) => /\.test\.m?[jt]s$/u.test(path) || path.startsWith('test/');
const isTool = (path) => !path.startsWith('src/');
const isEngine = (path) => path.startsWith('src/engine/') && !isTest(path);
const isArena = (path) => path.startsWith('src/engine/arena/');

const report = (line, sentence) => ({ line, sentence });

/** A message in one piece is found by grepping for it; so is a regular expression. */
const ONE_STRING = /^\s*(?:return |(?:export )?const \w+ = )?['"`/]/u;

// Each rule looks at one source and returns what it refuses.

function lineLength({ path, text, code, bare }) {
  const mayQuote = isTest(path) || isTool(path);
  const codeLines = code.split('\n');
  const bareLines = bare.split('\n');
  return text.split('\n').flatMap((line, i) => {
    const columns = [...line].length;
    if (columns <= COLUMNS) return [];
    // A recorded line that a test or a tool quotes is as long as it is.
    if (mayQuote && quotedIn(codeLines[i], bareLines[i]) >= QUOTED) return [];
    if (ONE_STRING.test(line)) return [];
    return [report(i + 1, `the line has ${columns} columns, over ${COLUMNS}.`)];
  });
}

/** @returns how many characters of a line are inside strings. */
const quotedIn = (codeLine, bareLine) =>
  [...codeLine.trimEnd()].filter((char, i) => char !== ' ' && bareLine[i] === ' ').length;

function fileLength({ path, text }) {
  const lines = text.split('\n').length - 1;
  const limit = isTest(path) ? TEST_LINES : FILE_LINES;
  return lines <= limit ? [] : [report(lines, `the file has ${lines} lines, over ${limit}.`)];
}

function functionLength(file) {
  if (isTest(file.path)) return []; // describe() holds what belongs together
  return blocksOf(file.bare)
    .filter(({ from, to }) => to - from + 1 > FUNCTION_LINES)
    .map(({ from, to }) =>
      report(from, `the function has ${to - from + 1} lines, over ${FUNCTION_LINES}.`),
    );
}

/** The flags that two sets have in common: here the word is the meaning. */
const NOUNS = ['commonFlags'];
const NOUNLESS = ['util', 'utils', 'helper', 'helpers', 'manager', 'common', 'misc'];

function names({ path, bare }) {
  const found = [];
  const parts = path.split('/').at(-1).split(/[_.-]/u);
  const inPath = NOUNLESS.find((word) => parts.includes(word) || path.includes(`/${word}/`));
  if (inPath !== undefined) found.push(report(1, `"${inPath}" in a file's name: find the noun.`));
  const exported =
    /^export\s+(?:abstract\s+|async\s+)?(?:function\*?|const|let|class|interface|type)\s+(\w+)/gmu;
  for (const { match, line } of matchesOf(bare, exported)) {
    const words = match[1].split(/_|(?=[A-Z])/u).map((word) => word.toLowerCase());
    const bad = NOUNLESS.find((word) => words.includes(word));
    if (bad === undefined || NOUNS.includes(match[1])) continue;
    found.push(report(line, `"${bad}" in ${match[1]}: find the noun.`));
  }
  return found;
}

const anyType = ({ bare }) =>
  matchesOf(bare, /(?<![.\w$])any\b(?!\s*[(:])/gu).map(({ line }) =>
    report(line, 'the type "any" says nothing; "unknown" makes the reader check.'),
  );

function nonNull({ path, bare }) {
  if (path.endsWith('_struct.ts') || isArena(path)) return [];
  return matchesOf(bare, /[\w)\]]!(?![=\w(])/gu).map(({ line }) =>
    report(line, '"!" is for words that are read in *_struct.ts and arena/.'),
  );
}

function casts({ path, bare }) {
  if (isTest(path) || path in CASTS_TO_HELD) return [];
  const found = matchesOf(bare, HELD).map(({ match, line }) =>
    report(line, `"${match[0].trim()}" claims a lock: only the files of CASTS_TO_HELD may.`),
  );
  if (!isEngine(path)) return found;
  const hidden = matchesOf(bare, HELD_BY_PROXY).map(({ match, line }) =>
    report(line, `"${match[0]}...>" is a cast that hides what it claims: name the type.`),
  );
  return [...found, ...hidden];
}

const constantAsserts = ({ bare }) =>
  matchesOf(bare, /\bassert\(/gu)
    .filter(({ match }) => argumentsAt(bare, match.index + match[0].length).includes('`'))
    .map(({ line }) => report(line, 'an assertion with a template literal builds it every time.'));

/** The text up to the parenthesis that closes. */
function argumentsAt(text, from) {
  let depth = 1;
  let at = from;
  for (; at < text.length && depth > 0; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')') depth--;
  }
  return text.slice(from, at);
}

function throws({ path, bare }) {
  if (!isEngine(path) || path === 'src/engine/arena/assert.ts') return [];
  return matchesOf(bare, /\bthrow\b/gu).map(({ line }) =>
    report(line, 'the engine returns errors; what cannot go on is an assert().'),
  );
}

// The marks with a bracket in each, so that this line does not hold them.
const LEFT_OVERS = /\b(?:[T]ODO|[F]IXME|[X]XX)\b/gu;

const leftOvers = ({ text }) =>
  matchesOf(text, LEFT_OVERS).map(({ match, line }) =>
    report(line, `"${match[0]}" is left over: do it, or say in docs/coverage.md what is missing.`),
  );

const consoles = ({ path, bare }) =>
  isEngine(path)
    ? matchesOf(bare, /\bconsole\./gu).map(({ line }) => report(line, 'the engine prints nothing.'))
    : [];

/** One-line accessors say it all by their names; what has a body has a contract. */
function docstrings({ path, text, bare }) {
  if (!isEngine(path) || /\.(?:d|test)\.ts$/u.test(path)) return [];
  return matchesOf(bare, /^export\s+(?:async\s+)?function\*?\s+(\w+)/gmu)
    .filter(({ match }) => !text.slice(0, match.index).trimEnd().endsWith('*/'))
    .filter(({ match }) => !isShort(bare, match.index))
    .map(({ match, line }) => report(line, `${match[1]}() has no docstring.`));
}

const SHORT_LINES = 8;

/** A function that can be read at a glance, such as a setter. */
function isShort(bare, at) {
  const line = lineAt(bare, at);
  const block = blocksOf(bare.slice(at))[0];
  return block !== undefined && line > 0 && block.to - block.from < SHORT_LINES;
}

/** The rules over one source, by the names that a report cites. */
export const RULES = {
  'line-length': lineLength,
  'file-length': fileLength,
  'function-length': functionLength,
  nouns: names,
  'no-any': anyType,
  'no-bang': nonNull,
  'held-casts': casts,
  'constant-asserts': constantAsserts,
  'no-throw': throws,
  'no-left-overs': leftOvers,
  'no-console': consoles,
  docstrings,
};

/** @returns what the rules refuse in these sources, as `{ path, line, sentence, rule }`. */
export function checkSources(sources) {
  return sources.flatMap((file) =>
    Object.entries(RULES).flatMap(([rule, check]) =>
      check(file).map(({ line, sentence }) => ({ path: file.path, line, rule, sentence })),
    ),
  );
}

/** @returns the sources of src/ that nobody imports and nobody starts. */
export function deadFiles(sources) {
  // Reached as #atomics, #mutants and #shadow: see package.json.
  const seams = ['atomics', 'checked_atomics', 'mutants', 'no_mutants', 'shadow', 'no_shadow'];
  const used = new Set(seams.map((name) => `src/engine/arena/${name}.ts`));
  for (const file of sources) {
    for (const { specifier } of importsOf(file)) {
      if (specifier.startsWith('.')) used.add(resolveImport(file.path, specifier));
    }
  }
  return sources
    .filter(({ path }) => path.startsWith('src/') && !isTest(path) && !isEntry(path))
    .filter(({ path }) => !used.has(path))
    .map(({ path }) => ({
      path,
      line: 1,
      rule: 'dead-files',
      sentence: 'nobody imports this file.',
    }));
}

/** @returns the folders of the engine and the lab whose README.md is missing or too long. */
export function readmes(sources, readmeSources) {
  const folders = new Set();
  for (const { path } of sources) {
    const folder = /^src\/(?:engine|lab)\/[^/]+(?=\/)/u.exec(path)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  return [...folders].flatMap((folder) => {
    const path = `${folder}/README.md`;
    const found = readmeSources.find((readme) => readme.path === path);
    const rule = 'readmes';
    if (found === undefined)
      return [{ path, line: 1, rule, sentence: 'the folder has no README.md.' }];
    const lines = found.text.split('\n').length - 1;
    if (lines <= README_LINES) return [];
    return [{ path, line: lines, rule, sentence: `${lines} lines are more than a screen.` }];
  });
}

/** @returns the files of CASTS_TO_HELD that no longer make a handle. */
export function unusedAllowances(sources) {
  return Object.keys(CASTS_TO_HELD)
    .filter(
      (path) => !sources.some((file) => file.path === path && [...file.bare.matchAll(HELD)].length),
    )
    .map((path) => ({
      path,
      line: 1,
      rule: 'held-casts',
      sentence: 'makes no handle any more: take it out of CASTS_TO_HELD.',
    }));
}

/** Checks the project itself. */
export function main() {
  const code = ['.ts', '.mjs'];
  const folders = ['src', 'test', 'bench', 'scripts'];
  const sources = readSources(
    ROOT,
    folders.flatMap((folder) => filesBelow(ROOT, folder, code)),
  );
  const violations = [
    ...checkSources(sources),
    ...deadFiles(sources),
    ...readmes(sources, readSources(ROOT, filesBelow(ROOT, 'src', ['README.md']))),
    ...unusedAllowances(sources),
  ];
  for (const { path, line, sentence, rule } of violations) {
    console.log(`${path}:${line}: ${sentence} (${rule})`);
  }
  console.log(`${violations.length} violations in ${sources.length} files.`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
