/** The examples of docs/parallel.md, run as a user runs them. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../examples/${name}`, import.meta.url));

it('workers in Node: two do their work, one is ended in the middle and buried', () => {
  const output = execFileSync(execPath, [pathOf('workers-node/main.mjs')], { encoding: 'utf8' });
  expect(output.match(/found 1000 of 1000/gu)).toHaveLength(2);
  expect(output).toMatch(/ended, and held \[.*\]/u);
  expect(output).toMatch(/rw-p/u);
});

it('the server gives a page what it takes to share memory', async () => {
  const server = spawn(execPath, [pathOf('workers-browser/serve.mjs'), '0']);
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const page = await fetch(String(line).trim());
  const library = await fetch(`${String(line).trim()}vmaspace/index.js`);
  server.kill();
  expect(await page.text()).toContain('page.mjs');
  expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
  expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  expect([library.status, library.headers.get('content-type')]).toEqual([200, 'text/javascript']);
});
