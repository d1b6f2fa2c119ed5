/** Runs a page in a Chromium, and takes what the page reports. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** @returns the command of a Chromium on this machine, or null. */
export function findChromium(): string | null {
  const names = [process.env['CHROMIUM'], ...NAMES].filter((name) => name !== undefined);
  return names.find((name) => spawnSync(name, ['--version']).status === 0) ?? null;
}

/** Where the paths of the page's requests lead. */
const ROOTS: readonly (readonly [string, URL])[] = [
  ['/bundle/', new URL('../../dist/bundle/', import.meta.url)],
  ['/example/vmaspace/', new URL('../../dist/bundle/', import.meta.url)],
  ['/example/', new URL('../../examples/workers-browser/', import.meta.url)],
  ['/', new URL('.', import.meta.url)],
];
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
};

/** A worker that takes single modules of dist/, whose imports only Node understands. */
async function bundled(file: string): Promise<string> {
  const bundle = await rolldown({ input: file, platform: 'node', external: [/^node:/u] });
  const { output } = await bundle.generate({ format: 'esm' });
  await bundle.close();
  return output[0].code;
}

async function serveFile(path: string, response: ServerResponse): Promise<void> {
  // Without these two a page has no SharedArrayBuffer.
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  response.setHeader('Content-Type', TYPES[extname(path)] ?? 'text/plain');
  const [prefix, root] = ROOTS.find(([start]) => path.startsWith(start)) ?? ['/', import.meta.url];
  try {
    const file = fileURLToPath(new URL(path.slice(prefix.length), root));
    response.end(path.endsWith('.worker.mjs') ? await bundled(file) : readFileSync(file));
  } catch {
    response.writeHead(404).end();
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}

/** @returns what the page at `path` posts to /report. */
export async function reportOf(chromium: string, path: string): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), 'vmaspace-browser-'));
  let resolve: (report: Promise<unknown>) => void = () => undefined;
  const promise = new Promise<unknown>((done) => {
    resolve = done;
  });
  const server = createServer((request, response) => {
    const url = request.url ?? '/';
    if (request.method !== 'POST') return void serveFile(url, response);
    response.end();
    resolve(bodyOf(request).then((body): unknown => JSON.parse(body)));
  });
  const port = await listen(server);
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${profile}`];
  const open = ['--remote-debugging-port=0', `http://127.0.0.1:${port}${path}`];
  const browser = spawn(chromium, [...flags, ...open], { stdio: 'ignore' });
  const ended = new Promise((done) => browser.on('exit', done));
  try {
    return await Promise.race([promise, ended.then(() => 'the browser ended without a report')]);
  } finally {
    browser.kill();
    await ended;
    server.close();
    // Its children may write a little longer.
    await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
