/**
 * Joins the modules of dist/ into dist/bundle/: what users import, and the command line.
 *
 *   node scripts/bundle.mjs       after tsc; part of `npm run build`
 *
 * V8 does not look through an import: each use of an imported name is a load, a check that it has
 * been initialised, and a check of what it is, also inside compiled code. In one module all that
 * is gone, which makes every operation a quarter to a third faster (bench/README.md).
 *
 * dist/ stays beside it: tests and tools import single modules from there. One thread must not use
 * both, since what a worker knows of its machine lives in its modules.
 */
import path from 'node:path';
import { rolldown } from 'rolldown';
import { ROOT } from './source_text.mjs';

async function join(input) {
  const bundle = await rolldown({
    cwd: ROOT,
    input,
    platform: 'node',
    external: [/^node:/u, 'commander'],
  });
  await bundle.write({
    dir: path.join(ROOT, 'dist/bundle'),
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
  });
  await bundle.close();
}

await join({
  index: 'dist/index.js',
  node_files: 'dist/host/node_files.js',
  main: 'dist/cli/main.js',
});
// Stands by itself, as one file that a web page can load.
await join({ check: 'dist/lab/check/index.js' });
