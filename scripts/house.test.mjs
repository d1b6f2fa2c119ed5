/** What holds of the project as a whole: settings, who may call what, links of the documentation. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { filesBelow, readSources, ROOT } from './source_text.mjs';

const json = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
const engine = readSources(
  ROOT,
  filesBelow(ROOT, 'src', ['.ts']).filter((path) => !path.endsWith('.test.ts')),
);
const whoHas = (expression) =>
  engine.filter(({ bare }) => expression.test(bare)).map(({ path }) => path);

test('S3-17 the compiler reads the tests with the sources', () => {
  const { include } = json('tsconfig.json');
  for (const folder of ['src', 'test']) {
    assert.ok(
      include.some((each) => each.startsWith(folder)),
      folder,
    );
  }
});

test('X-18 strict types, no "any", and one package at run time', () => {
  const { compilerOptions } = json('tsconfig.json');
  assert.equal(compilerOptions.strict, true);
  const lint = readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8'); // it has comments
  assert.match(lint, /"typescript\/no-explicit-any": "error"/u);
  assert.deepEqual(Object.keys(json('package.json').dependencies), ['commander']);
});

test('S2-44 one file takes VMAs from their cache and gives them back', () => {
  const calls = /\bcache(?:Alloc|Free|FreeRcu)\((?:VMA_CACHE|vmaCache\(\))/u;
  assert.deepEqual(whoHas(calls), ['src/engine/mm/vma_alloc.ts']);
});

test('S2-35 S2-26 write locks of VMAs end in one file: by an unlock, and by a downgrade', () => {
  assert.deepEqual(whoHas(/\bvmaEndWriteAll\(/u), ['src/engine/mm/mmap_lock.ts']);
  const file = engine.find(({ path }) => path === 'src/engine/mm/mmap_lock.ts');
  const callers = file.bare
    .split(/^export function /mu)
    .filter((text) => /^ +(?:if .*)?vmaEndWriteAll\(mm\)/mu.test(text))
    .map((text) => text.slice(0, text.indexOf('(')));
  assert.deepEqual(callers, ['mmapWriteUnlock', 'mmapWriteDowngrade']);
});

test('X-23 every link of the documentation leads to a file', () => {
  const pages = ['README.md', ...filesBelow(ROOT, 'docs', ['.md'])];
  const dead = pages.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/gu)].map(([, link]) => link);
    const own = links.filter((link) => !/^[a-z]+:/u.test(link));
    return own
      .filter((link) => !existsSync(join(ROOT, dirname(page), link)))
      .map((link) => `${page}: ${link}`);
  });
  assert.deepEqual(dead, []);
});
