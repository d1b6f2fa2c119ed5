import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: {
      '#atomics': fileURLToPath(new URL('./src/engine/arena/atomics.ts', import.meta.url)),
      '#mutants': fileURLToPath(new URL('./src/engine/arena/no_mutants.ts', import.meta.url)),
      '#shadow': fileURLToPath(new URL('./src/engine/arena/no_shadow.ts', import.meta.url)),
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // They are about the checked build: vitest.checked.config.ts.
    exclude: [...configDefaults.exclude, 'test/checked/**', 'src/lab/races/**'],
    testTimeout: 120_000,
  },
});
