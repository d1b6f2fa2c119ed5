/**
 * Which tests and scenarios carry which requirement: docs/requirements.md.
 *
 *   node scripts/requirements.mjs           checks, and tells how many there are of each kind
 *   node scripts/requirements.mjs --write   writes the page anew: npm run requirements
 *
 *   docs/requirements.in.md  | id | what it asks | note |                      by people
 *   titles of tests         ─┐
 *   scenarios               ─┴> | id | what it asks | tests | scenarios | note |
 *
 * A note is empty, or one of these:
 *
 *   none: why     no test can carry it; refused as soon as one does
 *   checker       its check is every order of steps, which waits for a scenario
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filesBelow, lineAt, readSources, ROOT } from './source_text.mjs';

const ID = /\b(?:S[0-4]|P2|X)-\d+a?\b/gu;
const ROW = /^\| ((?:S[0-4]|P2|X)-\d+a?) \| ([^|]+) \| ([^|]*)\|$/u;
const IN = 'docs/requirements.in.md';
const OUT = 'docs/requirements.md';
const RACES = 'docs/races.md';
const TITLES_OF_A_FILE = 2;

/**
 * What the scenarios of the model checker carry, as `{ name, ids }`: by docs/races.md, which a test
 * compares with them.
 */
export const checkedScenarios = (page = readFileSync(join(ROOT, RACES), 'utf8')) =>
  page.split(/^## /mu).flatMap((section) => {
    const [name, , story = ''] = section.split('\n');
    const [, carried = ''] = /\(([^()]*)\)$/u.exec(story) ?? [];
    const ids = carried.match(ID) ?? [];
    return ids.length === 0 ? [] : [{ name, ids }];
  });

/** @returns the titles of tests in a source that have ids: `{ path, line, ids, title }`. */
export function titlesIn(file) {
  return [...file.strings, ...expectedErrorsOf(file)].flatMap(({ at, text }) => {
    const ids = [...new Set(text.match(ID) ?? [])];
    if (ids.length === 0) return [];
    const title = text.replaceAll(ID, '').replaceAll(/\(\s*\)|\\/gu, '');
    const line = lineAt(file.text, at);
    return [{ path: file.path, line, ids, title: title.replaceAll(/\s+/gu, ' ').trim() }];
  });
}

/** What the compiler must refuse is a test as well; its title is the comment. */
function expectedErrorsOf({ path, text }) {
  if (!path.endsWith('.nocompile.ts')) return [];
  const comments = text.matchAll(/@ts-expect-error:? *(.*)$/gmu);
  return [...comments].map((match) => ({ at: match.index, text: match[1] }));
}

/** @returns the rows of the list, in order: `{ id, meaning, note }`. */
export const rowsOf = (list) =>
  list.split('\n').flatMap((line) => {
    const match = ROW.exec(line);
    if (match === null) return [];
    const [, id, meaning, note] = match;
    return [{ id, meaning, note: note.trim() }];
  });

const kindOf = (note) => {
  if (note === '' || note === 'checker') return note;
  return note.startsWith('none: ') ? 'none' : 'unknown';
};

/** @returns a sentence for each thing that is wrong. */
export function refusals(rows, titles, scenarios) {
  const known = new Set(rows.map(({ id }) => id));
  const unknown = [
    ...titles.map(({ path, line, ids }) => ({ where: `${path}:${line}`, ids })),
    ...scenarios.map(({ name, ids }) => ({ where: `the scenario "${name}"`, ids })),
  ].flatMap(({ where, ids }) =>
    ids.filter((id) => !known.has(id)).map((id) => `${where}: there is no requirement ${id}.`),
  );
  return [...unknown, ...rows.flatMap((row) => refusalOf(row, titles, scenarios))];
}

function refusalOf({ id, note }, titles, scenarios) {
  const isTested = titles.some(({ ids }) => ids.includes(id));
  const isExplored = scenarios.some(({ ids }) => ids.includes(id));
  const kind = kindOf(note);
  if (kind === 'unknown') return [`${id}: the note is empty, "checker" or "none: why".`];
  if (kind === 'none' && (isTested || isExplored)) {
    return [`${id}: something carries it now: take its reason out of ${IN}.`];
  }
  if (kind === 'checker' && isExplored) {
    return [`${id}: a scenario carries it now: take "checker" out of ${IN}.`];
  }
  if (kind === '' && !isTested && !isExplored) {
    return [`${id}: nothing carries it: name it in a test's title, or say why not in ${IN}.`];
  }
  return [];
}

/** @returns how many requirements there are of each kind. */
export function totals(rows, titles, scenarios) {
  const hasAny = (list) => rows.filter(({ id }) => list.some(({ ids }) => ids.includes(id)));
  const waiting = rows.filter(({ note }) => note === 'checker');
  const tested = hasAny(titles);
  return {
    total: rows.length,
    tested: tested.length,
    explored: hasAny(scenarios).length,
    none: rows.filter(({ note }) => kindOf(note) === 'none').length,
    pending: waiting.length,
    direct: waiting.filter((row) => tested.includes(row)).length,
  };
}

/** @returns the page: the list with what carries each row. */
export function pageOf(list, titles, scenarios) {
  const figures = totals(rowsOf(list), titles, scenarios);
  const lines = list.split('\n').map((line) => {
    const row = rowsOf(line).at(0);
    if (row === undefined) {
      return line
        .replace(/^\| id \| what it asks \| note \|$/u, '| id | what it asks | tests | scenarios |')
        .replace(/^\|---\|---\|---\|$/u, '|---|---|---|---|')
        .replaceAll(/\{\{(\w+)\}\}/gu, (_, name) => figures[name]);
    }
    const names = scenarios.filter(({ ids }) => ids.includes(row.id)).map(({ name }) => name);
    const waits = row.note === 'checker' ? ['*waits for the checker*'] : names;
    return `| ${row.id} | ${row.meaning} | ${testsCell(row, titles)} | ${waits.join(', ')} |`;
  });
  return lines.join('\n');
}

function testsCell({ id, note }, titles) {
  const carriers = titles.filter(({ ids }) => ids.includes(id));
  if (kindOf(note) === 'none') return `*${note}*`;
  const paths = [...new Set(carriers.map(({ path }) => path))];
  return paths.map((path) => fileCell(path, carriers)).join('<br>');
}

function fileCell(path, carriers) {
  const titles = carriers.filter((each) => each.path === path).map(({ title }) => title);
  const shown = [...new Set(titles)].filter((title) => /\w{2}/u.test(title));
  const rest = titles.length - Math.min(shown.length, TITLES_OF_A_FILE);
  const more = rest > 0 ? [`${rest} more`] : [];
  const words = [...shown.slice(0, TITLES_OF_A_FILE).map(inCell), ...more];
  return `[${path}](../${path}): ${words.join('; ')}`;
}

const inCell = (title) => title.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const isTest = (path) => /\.test\.m?[jt]s$|^test\/.*\.ts$/u.test(path);

/** What is in the project. */
export function readProject() {
  const paths = ['src', 'test', 'scripts'].flatMap((folder) =>
    filesBelow(ROOT, folder, ['.ts', '.mjs']),
  );
  const titles = readSources(ROOT, paths.filter(isTest)).flatMap(titlesIn);
  return { list: readFileSync(join(ROOT, IN), 'utf8'), titles, scenarios: checkedScenarios() };
}

/** Checks the project itself. */
export function main() {
  const { list, titles, scenarios } = readProject();
  const page = pageOf(list, titles, scenarios);
  if (process.argv.includes('--write')) writeFileSync(join(ROOT, OUT), page);
  const found = refusals(rowsOf(list), titles, scenarios);
  if (readFileSync(join(ROOT, OUT), 'utf8') !== page) {
    found.push(`${OUT} is not what its list and the tests make it: npm run requirements.`);
  }
  for (const sentence of found) console.log(sentence);
  const counts = Object.entries(totals(rowsOf(list), titles, scenarios));
  console.log(counts.map(([name, count]) => `${count} ${name}`).join(', '));
  const waiting = rowsOf(list).filter(({ note }) => note === 'checker');
  if (waiting.length > 0) {
    console.log(`These wait for the checker: ${waiting.map(({ id }) => id).join(' ')}`);
  }
  process.exitCode = found.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main();
