import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

/** The tests of memory, under the checked build: every access asks the shadow memory. */
export default defineConfig({
  resolve: {
    alias: {
      '#atomics': source('engine/arena/checked_atomics.ts'),
      '#mutants': source('engine/arena/mutants.ts'),
      '#shadow': source('engine/arena/shadow.ts'),
    },
  },
  test: {
    include: [
      'src/engine/{slab,maple,vma,rmap,file,mm,fault,procfs}/*.test.ts',
      'src/lab/races/*.test.ts',
      'test/memory/*.test.ts',
      'test/checked/*.test.ts',
      'test/failure/ledger.test.ts',
    ],
    // Workers that a test starts take the built engine, checked as well.
    execArgv: ['--conditions=checked'],
    testTimeout: 120_000,
  },
});
