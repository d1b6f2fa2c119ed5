/** Shows that each rule of tidy refuses what was planted, and leaves its neighbour alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { source } from './source_text.mjs';
import { checkSources, deadFiles, readmes, RULES } from './tidy.mjs';

const ENGINE = 'src/engine/vma/a.ts';
const body = (lines) => 'x();\n'.repeat(lines);
const LONG = `x('${'a'.repeat(120)}');`;
// In pieces, so that tidy does not find them here.
const MARK = ['TO', 'DO'].join('');

const rulesOf = (path, text) => checkSources([source(path, text)]).map(({ rule }) => rule);

/** Rule, path, text. */
const REFUSED = [
  ['line-length', ENGINE, LONG],
  ['line-length', 'src/engine/vma/a.test.ts', `const x = ${'y + '.repeat(30)}y;`],
  ['file-length', ENGINE, body(501)],
  ['file-length', 'src/engine/vma/a.test.ts', body(701)],
  ['function-length', ENGINE, `function f(): 0 | Errno {\n${body(59)}}\n`],
  ['function-length', ENGINE, `const f = (a: number): void => {\n${body(59)}};\n`],
  ['function-length', ENGINE, `class A {\n  #f(a: number): a is B {\n${body(59)}  }\n}\n`],
  ['nouns', 'src/engine/vma/merge_utils.ts', ''],
  ['nouns', 'src/lab/common/a.ts', ''],
  ['nouns', ENGINE, 'export const vmaHelper = 1;'],
  ['nouns', ENGINE, 'export class LockManager {}'],
  ['no-any', ENGINE, 'let x: any;'],
  ['no-any', ENGINE, 'let x: Map<string, any>;'],
  ['no-any', ENGINE, 'f(x as any);'],
  ['no-bang', ENGINE, 'const x = list[0]!;'],
  ['no-bang', ENGINE, 'f(x!.y);'],
  ['held-casts', ENGINE, 'const x = ref as Vma;'],
  ['held-casts', ENGINE, 'const x = ref as Vma | Null;'],
  ['held-casts', ENGINE, 'return (mm as MmWrite);'],
  ['held-casts', 'src/process.ts', 'f(vma as VmaHidden)'],
  ['held-casts', ENGINE, 'f(vma as Parameters<typeof g>[0]);'],
  ['constant-asserts', ENGINE, 'assert(a === b, `not ${a}`);'],
  ['constant-asserts', ENGINE, 'assert(\n  f(a),\n  `a plain one`,\n);'],
  ['no-throw', ENGINE, "throw new Error('no');"],
  ['no-left-overs', ENGINE, `// ${MARK}: later`],
  ['no-left-overs', 'src/engine/vma/a.test.ts', `const x = '${MARK}';`],
  ['no-console', ENGINE, 'console.log(1);'],
  ['docstrings', ENGINE, `export function f(): void {\n${body(8)}}\n`],
];

for (const [rule, path, text] of REFUSED) {
  test(`${rule} refuses ${JSON.stringify(`${path} ${text}`.slice(0, 70))}`, () => {
    assert.deepEqual(rulesOf(path, `${text}\n`), [rule]);
  });
}

test('every rule has a planted violation', () => {
  const planted = new Set(REFUSED.map(([rule]) => rule));
  assert.deepEqual(
    Object.keys(RULES).filter((rule) => !planted.has(rule)),
    [],
  );
});

const ALLOWED = [
  ['a recorded line in a test', 'src/lab/strace/a.test.ts', LONG],
  ['500 lines', ENGINE, body(499)],
  ['a function of 60 lines', ENGINE, `/** F. */\nexport function f(): void {\n${body(58)}}`],
  ['a long describe', 'src/engine/vma/a.test.ts', `describe('x', () => {\n${body(80)}});`],
  ['a long table', ENGINE, `const table = {\n${'a: 1,\n'.repeat(80)}};`],
  ['a long loop outside functions', ENGINE, `for (const a of b) {\n${body(80)}}`],
  ['"any" in prose', ENGINE, "// any VMA\nassert(x, 'has any VMA');"],
  ['a method any()', ENGINE, 'const x = list.any(f);'],
  ['"!" that negates', ENGINE, 'if (!x && a !== b && (!c)) f(!d);'],
  ['"!" where words are read', 'src/engine/mm/b_struct.ts', 'const x = i32[0]!;'],
  ['the cast where it belongs', 'src/engine/mm/mmap_lock.ts', 'return mm as MmWrite;'],
  ['a cast in a test', 'src/engine/vma/a.test.ts', 'const x = 64 as Vma;'],
  ['another cast', ENGINE, 'const x = 64 as VmaFlags;'],
  ['a renaming import', ENGINE, "import { x as y } from './x.ts';"],
  ['a constant assertion', ENGINE, "assert(a, 'a is `so`');\nlog(`x`);"],
  ['throw in assert.ts', 'src/engine/arena/assert.ts', "throw new Error('x');"],
  ['throw in the face', 'src/machine.ts', "throw new Error('x');"],
  ['a one-line setter', ENGINE, 'export function f(): void {\n  x();\n}'],
];

for (const [what, path, text] of ALLOWED) {
  test(`allows ${what}`, () => assert.deepEqual(rulesOf(path, text), []));
}

test('a file that nobody imports is dead; tests, entries and workers are not', () => {
  const sources = [
    source('src/index.ts', "export * from './a.ts';"),
    source('src/a.ts', "new URL('./w.js', import.meta.url);"),
    source('src/w.ts', ''),
    source('src/dead.ts', "import './a.ts';"),
    source('src/a.test.ts', ''),
    source('src/lab/oracle/record_main.ts', ''),
  ];
  assert.deepEqual(
    deadFiles(sources).map(({ path }) => path),
    ['src/dead.ts'],
  );
});

test('each folder has a README of one screen', () => {
  const sources = [source('src/engine/mm/a.ts', ''), source('src/engine/vma/a.ts', '')];
  const long = source('src/engine/mm/README.md', '\n'.repeat(61));
  assert.deepEqual(
    readmes(sources, [long]).map(({ path }) => path),
    ['src/engine/mm/README.md', 'src/engine/vma/README.md'],
  );
});
