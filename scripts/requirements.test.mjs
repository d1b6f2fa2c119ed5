/** What the list of requirements takes for a test, and what it refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOf, readProject, refusals, rowsOf, titlesIn, totals } from './requirements.mjs';
import { source } from './source_text.mjs';

// In pieces, so that these are not taken for titles of this file.
const seed = (number) => `S2-${number}`;
const [A, B, C] = [1, 2, 3].map(seed);

const found = (path, text) => titlesIn(source(path, text)).map(({ ids, title }) => [ids, title]);
const T = 'test/a.test.ts';

const CASES = {
  'a title': [`it('${A} a fault', () => {});`, [[[A], 'a fault']]],
  'several ids': [`describe("${A} ${B}: both");`, [[[A, B], ': both']]],
  'a template, up to what is put in': [`it(\`${A} from \${x}\`)`, [[[A], 'from']]],
  'the name of a scenario': [`const S = { '${A} a b': f };`, [[[A], 'a b']]],
  'ids at the end': [`it.each(x)('one more (${A})')`, [[[A], 'one more']]],
  'not a comment': [`// ${A}\n/** ${B} */`, []],
  'not another word': [`it('A${A} ${A}b')`, []],
};
for (const [name, [text, expected]] of Object.entries(CASES)) {
  test(`X-24 ${name}`, () => assert.deepEqual(found(T, text), expected));
}

test('X-24 what the compiler is to refuse is a title in such a file only', () => {
  const text = `// @ts-expect-error ${A} no lock\nf();`;
  assert.deepEqual(found('test/types/a.nocompile.ts', text), [[[A], 'no lock']]);
  assert.deepEqual(found(T, text), []);
});

const title = (id) => ({ path: T, line: 7, ids: [id], title: 'x' });
const rows = (...notes) => notes.map((note, i) => ({ id: seed(i + 1), meaning: 'm', note }));

const REFUSED = {
  'an id that is not listed': [rows(''), [title(A), title(B)], `${T}:7: there is no requirement`],
  'an id that nothing carries': [rows('', ''), [title(A)], `${B}: nothing carries it`],
  'a reason that is no longer true': [rows('none: so'), [title(A)], `${A}: something carries it`],
  'a note that is no reason': [rows('later'), [], `${A}: the note is empty`],
};
for (const [name, [list, titles, sentence]] of Object.entries(REFUSED)) {
  test(`X-24 refuses ${name}`, () => {
    const sentences = refusals(list, titles, []);
    assert.equal(sentences.length, 1);
    assert.ok(sentences[0].startsWith(sentence), sentences[0]);
  });
}

test('X-24 a scenario carries an id as a test does, and ends the waiting for one', () => {
  const scenarios = [{ name: 'reuse', ids: [A] }];
  assert.deepEqual(refusals(rows('', 'checker', 'none: so'), [title(B)], scenarios), []);
  assert.match(refusals(rows('checker'), [], scenarios)[0], /take "checker" out/u);
  assert.match(refusals([], [], scenarios)[0], /the scenario "reuse": there is no/u);
});

const LIST = [
  '{{total}} {{tested}} {{explored}} {{none}} {{pending}} {{direct}}',
  '| id | what it asks | note |',
  '|---|---|---|',
  `| ${A} | one | |`,
  `| ${B} | two | checker |`,
  `| ${C} | three | none: it is a remark |`,
].join('\n');

test('X-24 the page shows what carries each', () => {
  const titles = [title(B), { ...title(A), path: 'src/b.test.ts', title: 'one|two' }];
  const scenarios = [{ name: 'reuse', ids: [A] }];
  assert.deepEqual(pageOf(LIST, titles, scenarios).split('\n'), [
    '3 2 1 1 1 1',
    '| id | what it asks | tests | scenarios |',
    '|---|---|---|---|',
    `| ${A} | one | [src/b.test.ts](../src/b.test.ts): one\\|two | reuse |`,
    `| ${B} | two | [${T}](../${T}): 1 more | *waits for the checker* |`,
    `| ${C} | three | *none: it is a remark* |  |`,
  ]);
  assert.equal(totals(rowsOf(LIST), titles, scenarios).total, 3);
});

const numbers = (count) => Array.from({ length: count }, (_, i) => String(i + 1));

test('X-24 the list has every requirement, in order, once', () => {
  const seeds = { S0: 31, S1: 32, S2: 46, P2: 18, S3: 30, S4: 24, X: 25 };
  const ids = rowsOf(readProject().list).map(({ id }) => id);
  const expected = Object.entries(seeds).flatMap(([prefix, count]) =>
    // One was put in later, behind the twenty-third.
    (prefix === 'S0' ? numbers(count - 1).toSpliced(23, 0, '23a') : numbers(count)).map(
      (number) => `${prefix}-${number}`,
    ),
  );
  assert.deepEqual(ids, expected);
});
