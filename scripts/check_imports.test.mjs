/** Shows that the import check fails where it must: each case is one planted import. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkImports } from './check_imports.mjs';
import { source } from './source_text.mjs';

/** Checks one source and gives the sentences back. */
const sentences = (path, text) =>
  checkImports([source(path, text)]).map(({ line, sentence }) => `${line}: ${sentence}`);

const REFUSED = [
  ['up a floor', 'src/engine/mm/a.ts', "import { vmaMerge } from '../vma/merge.ts';", /above it/u],
  ['to the face', 'src/engine/mm/a.ts', "import { Machine } from '../../machine.ts';", /engine/u],
  ['an unknown floor', 'src/engine/vma/a.ts', "import { x } from '../weather/x.ts';", /FLOORS/u],
  [
    'atomics by path',
    'src/engine/mm/a.ts',
    "import { load } from '../arena/atomics.ts';",
    /seam|#at/u,
  ],
  ['Node', 'src/engine/mm/a.ts', "import { readFileSync } from 'node:fs';", /browser/u],
  ['a package', 'src/engine/mm/a.ts', "import { x } from 'commander';", /package/u],
  ['a package as a type', 'src/lab/replay/a.ts', "import type { X } from 'commander';", /package/u],
  ['a test', 'src/engine/vma/a.ts', "import { x } from './merge.test.ts';", /test/u],
  ['the test folder', 'src/lab/replay/a.ts', "import { x } from '../../../test/p.ts';", /test/u],
  [
    'deep from the lab',
    'src/lab/replay/a.ts',
    "import { x } from '../../engine/mm/held.ts';",
    /lab/u,
  ],
  ['lab to lab', 'src/lab/strace/a.ts', "import { x } from '../oracle/kernel.ts';", /LAB_PARTS/u],
  ['Node in strace', 'src/lab/strace/a.ts', "import { x } from 'node:fs';", /browser/u],
  ['deep from a command', 'src/cli/a.ts', "import { x } from '../engine/mm/held.ts';", /commands/u],
  ['deep from a host', 'src/host/a.ts', "import { x } from '../engine/file/host.ts';", /program/u],
  ['a host from the lab', 'src/lab/replay/a.ts', "import { x } from '../../host/a.ts';", /lab/u],
  ['a host from the face', 'src/machine.ts', "import { x } from './host/a.ts';", /public face/u],
  ['the lab from the face', 'src/index.ts', "export * from './lab/replay/a.ts';", /public face/u],
  ['dynamically', 'src/engine/mm/a.ts', "const x = await import('../vma/merge.ts');", /above it/u],
  [
    'a worker',
    'src/engine/mm/a.ts',
    "new Worker(new URL('../vma/w.js', import.meta.url));",
    /above/u,
  ],
  ['process', 'src/engine/mm/a.ts', 'const x = process.pid;', /"process"/u],
  ['Buffer', 'src/engine/mm/a.ts', 'const x = Buffer.alloc(1);', /"Buffer"/u],
  ['Atomics', 'src/engine/mm/a.ts', 'Atomics.load(i32, 0);', /Atomics/u],
  ['SharedArrayBuffer', 'src/process.ts', 'new SharedArrayBuffer(4);', /SharedArrayBuffer/u],
  ['a strange tool', 'src/engine/mm/a.test.ts', "import { x } from 'chai';", /no tool/u],
];

for (const [what, path, text, expected] of REFUSED) {
  test(`refuses ${what}`, () => {
    const found = sentences(path, `// a line before\n${text}\n`);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0], /^2: /u);
    assert.match(found[0], expected);
  });
}

test('finds the line of an import over several lines', () => {
  const found = sentences(
    'src/engine/mm/a.ts',
    "import {\n  a,\n  b,\n} from '../vma/merge.ts';\n",
  );
  assert.match(found[0], /^4: /u);
});

const ALLOWED = [
  ['down a floor', 'src/engine/vma/a.ts', "import { x } from '../mm/held.ts';"],
  ['beside', 'src/engine/vma/a.ts', "export { x } from './merge.ts';"],
  ['the seam', 'src/engine/mm/a.ts', "import * as atomics from '#atomics';"],
  ['the other seam', 'src/engine/slab/a.ts', "import { IS_SHADOWED } from '#shadow';"],
  ['the face to the engine', 'src/process.ts', "import { x } from './engine/vma/verify.ts';"],
  ['Node and the face in a host', 'src/host/a.ts', "import 'node:fs'; import '../index.ts';"],
  ['the lab to the face', 'src/lab/replay/a.ts', "import { Machine } from '../../index.ts';"],
  [
    'the lab to the trace',
    'src/lab/replay/a.ts',
    "import { x } from '../../engine/trace/events.ts';",
  ],
  ['a listed part', 'src/lab/replay/a.ts', "import { x } from '../strace/reader.ts';"],
  ['Node in the lab', 'src/lab/oracle/a.ts', "import { spawn } from 'node:child_process';"],
  ['commander in a command', 'src/cli/main.ts', "import { Command } from 'commander';"],
  ['vitest in a test', 'src/engine/mm/a.test.ts', "import { test } from 'vitest';"],
  ['a word in a comment', 'src/engine/mm/a.ts', '// unlike process.pid or Atomics.load()'],
  [
    'a word in a string',
    'src/engine/mm/a.ts',
    'assert(ok, \'import x from "node:fs" in Buffer\');',
  ],
  ['a property of that name', 'src/machine.ts', 'machine.process(3);'],
  ['the type in the face', 'src/machine.ts', 'let x: SharedArrayBuffer;'],
];

for (const [what, path, text] of ALLOWED) {
  test(`allows ${what}`, () => assert.deepEqual(sentences(path, text), []));
}
