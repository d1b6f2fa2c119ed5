// Serves this folder, and the package below vmaspace/: node serve.mjs [port]
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const PACKAGE = new URL('.', import.meta.resolve('vmaspace'));
const TYPES = { html: 'text/html', mjs: 'text/javascript', js: 'text/javascript' };

const server = createServer(async ({ url }, response) => {
  const path = url === '/' ? 'index.html' : url.slice(1);
  const file = path.startsWith('vmaspace/')
    ? new URL(path.slice('vmaspace/'.length), PACKAGE)
    : new URL(path, import.meta.url);
  // Without these two a page has no SharedArrayBuffer.
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  response.setHeader('Content-Type', TYPES[path.split('.').pop()] ?? 'text/plain');
  try {
    response.end(await readFile(file));
  } catch {
    response.writeHead(404).end();
  }
});
server.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
