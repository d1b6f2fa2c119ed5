/** Finding functions by their braces: good enough for code that a formatter has laid out. */
import { lineAt } from './source_text.mjs';

/** Words before a parenthesis that make it something else than a function's parameters. */
const STATEMENTS = new Set(['if', 'for', 'while', 'switch', 'catch', 'with']);

/** @returns the functions that have a body in braces, as lines `{ from, to }`, both inclusive. */
export function blocksOf(bare) {
  const functions = [];
  const open = [];
  for (let at = 0; at < bare.length; at++) {
    if (bare[at] === '{') open.push(startOfFunction(bare, at));
    if (bare[at] !== '}') continue;
    const start = open.pop();
    if (start === undefined || start === null) continue;
    functions.push({ from: lineAt(bare, start), to: lineAt(bare, at) });
  }
  return functions.toSorted((a, b) => a.from - b.from);
}

/** A return type between the parameters and the body. */
const RETURN_TYPE = /:\s*[\w\s|&<>[\],.'"]+$/u;

/** @returns where the function begins whose body opens at `brace`, or null. */
function startOfFunction(bare, brace) {
  const before = bare.slice(Math.max(0, brace - 2000), brace).trimEnd();
  const offset = Math.max(0, brace - 2000);
  if (before.endsWith('=>')) return offset + before.length - 2;
  const close = before.endsWith(')') ? before.length - 1 : closeBeforeType(before);
  if (close === null) return null;

  let depth = 0;
  for (let at = close; at >= 0; at--) {
    if (before[at] === ')') depth++;
    if (before[at] === '(' && --depth === 0) return headAt(before, at, offset);
  }
  return null;
}

function closeBeforeType(before) {
  const type = RETURN_TYPE.exec(before);
  if (type === null) return null;
  const head = before.slice(0, type.index).trimEnd();
  return head.endsWith(')') ? head.length - 1 : null;
}

/** The name before the parameters, unless it is a statement's. */
function headAt(before, paren, offset) {
  const head = /([\w$#]+)\s*(?:<[^()]*>)?\s*$/u.exec(before.slice(0, paren));
  if (head === null || STATEMENTS.has(head[1])) return null;
  return offset + head.index;
}
