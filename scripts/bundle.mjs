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
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { ROOT } from './source_text.mjs';

const bundle = await rolldown({
  cwd: ROOT,
  input: {
    index: 'dist/index.js',
    node_files: 'dist/host/node_files.js',
    main: 'dist/cli/main.js',
  },
  platform: 'node',
  external: [/^node:/u, 'commander'],
});
await bundle.write({
  dir: join(ROOT, 'dist/bundle'),
  format: 'esm',
  sourcemap: true,
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
});
await bundle.close();
