/**
 * The sources as the checks of this folder read them: a list of files, and each
 * file three times over, with its lines in the same places.
 *
 *   text    as it is written
 *   code    comments blanked
 *   bare    comments, strings and regular expressions blanked: only names and signs
 *
 * and its strings, of templates the first piece, as `{ at, text }`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top folder of the project. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** @returns every file below `root/folder` whose name ends so, by its path from `root`. */
export function filesBelow(root, folder, endings) {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  } catch {
    return []; // a folder that does not exist holds no files
  }
  return entries
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .map((path) => path.split(sep).join(posix.sep))
    .filter((path) => !path.includes('node_modules/'))
    .toSorted();
}

/** Reads these files of `root`. */
export function readSources(root, paths) {
  return paths.map((path) => source(path, readFileSync(join(root, path), 'utf8')));
}

/** One source; the planted ones of the self-tests are made with it too. */
export function source(path, text) {
  return { path, text, ...blank(text) };
}

/** @returns the number, from 1, of the line in which `at` lies. */
export function lineAt(text, at) {
  let line = 1;
  for (let i = text.indexOf('\n'); i !== -1 && i < at; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

/** @returns every match of a global expression, with its line. */
export function matchesOf(text, expression) {
  return [...text.matchAll(expression)].map((match) => ({
    match,
    line: lineAt(text, match.index),
  }));
}

/** @returns what a file imports, exports from, or starts as a worker: `{ specifier, line }`. */
export function importsOf({ code }) {
  const found = [];
  for (const expression of IMPORT_FORMS) {
    for (const { match, line } of matchesOf(code, expression)) {
      const [whole, specifier] = match;
      const at = match.index + whole.lastIndexOf(specifier);
      found.push({ specifier, line: whole.includes('\n') ? lineAt(code, at) : line });
    }
  }
  return found.toSorted((a, b) => a.line - b.line);
}

const IMPORT_FORMS = [
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gmu,
  /^\s*import\s*['"]([^'"]+)['"]/gmu,
  /\bimport\(\s*['"]([^'"]+)['"]/gu,
  /\bnew\s+URL\(\s*['"](\.[^'"]*\.[mc]?[jt]s)['"]/gu,
];

/** @returns the path from the top that a relative specifier of `from` means, `.js` as `.ts`. */
export function resolveImport(from, specifier) {
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/u, '.ts');
}

// A scanner of JavaScript, only as good as telling code from what is not.

function blank(text) {
  const code = text.split('');
  const bare = text.split('');
  const wipe = (into, from, to) => {
    for (let i = from; i < to; i++) if (text[i] !== '\n') into[i] = ' ';
  };
  // One entry for each `${` that is open: how many braces are open inside it.
  const templates = [];
  const strings = [];
  for (let at = 0; at < text.length;) {
    const end = endOfTrivia(text, at, templates);
    if (end.kind === 'comment') wipe(code, at, end.at);
    if (end.kind === 'string' && '\'"`'.includes(text[at])) {
      strings.push({ at, text: text.slice(at + 1, end.inner) });
    }
    if (end.kind !== 'code') wipe(bare, end.kind === 'comment' ? at : at + 1, end.inner);
    at = end.at;
  }
  return { code: code.join(''), bare: bare.join(''), strings };
}

/** @returns where what starts at `at` ends, and what it is; `inner` is where blanking stops. */
function endOfTrivia(text, at, templates) {
  const two = text.slice(at, at + 2);
  if (two === '//') return comment(indexOrEnd(text, '\n', at));
  if (two === '/*') return comment(indexOrEnd(text, '*/', at + 2) + 2);
  const char = text[at];
  if (char === "'" || char === '"') return string(endOfQuoted(text, at));
  if (char === '`') return template(text, at + 1, templates);
  if (char === '/' && startsExpression(text, at)) return string(endOfRegExp(text, at));
  if (templates.length > 0) {
    if (char === '{') templates[templates.length - 1]++;
    if (char === '}' && templates[templates.length - 1]-- === 0) {
      templates.pop();
      return template(text, at + 1, templates);
    }
  }
  return { kind: 'code', at: at + 1, inner: at };
}

const comment = (at) => ({ kind: 'comment', at, inner: at });
const string = (at) => ({ kind: 'string', at, inner: at - 1 });
const indexOrEnd = (text, what, from) => {
  const at = text.indexOf(what, from);
  return at === -1 ? text.length : at;
};

function endOfQuoted(text, start) {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === text[start] || text[at] === '\n') return at + 1;
  }
  return text.length;
}

/** The literal part of a template, up to its end or to the next `${`. */
function template(text, from, templates) {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '`') return string(at + 1);
    else if (text.startsWith('${', at)) {
      templates.push(0);
      return { kind: 'string', at: at + 2, inner: at };
    }
  }
  return string(text.length);
}

function endOfRegExp(text, start) {
  let inClass = false;
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === '\n') return start + 1; // it was a division after all
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) return at + 1;
  }
  return start + 1;
}

/** True where a value is expected, so that a slash opens a regular expression. */
function startsExpression(text, at) {
  const before = text.slice(Math.max(0, at - 60), at).trimEnd();
  return (
    before === '' || /(?:[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|of|in))$/u.test(before)
  );
}
