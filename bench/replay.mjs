/**
 * How many lines of an strace log a replay does in a second. The log is made up: one
 * process that maps, protects and unmaps pages, so that every answer is known and agrees.
 *
 *     npm run build && node bench/replay.mjs [LINES [DIST]]
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { argv, execPath } from 'node:process';

const lines = Number(argv[2] ?? 300_000);
const dist = argv[3] ?? 'dist/bundle';

const FIRST = 0x10000000;
const BLOCK_BYTES = 4 * 4096;
/** Blocks that are mapped at one time. */
const BLOCKS = 1000;
const CALLS = [
  (at) =>
    `mmap(${at}, 16384, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = ${at}`,
  (at) => `mprotect(${at}, 4096, PROT_READ) = 0`,
  (at) => `munmap(${at}, 4096) = 0`,
];

/** The calls of one block follow each other, and the blocks' rounds too. */
function lineOf(number) {
  const block = Math.floor(number / CALLS.length) % BLOCKS;
  const at = `0x${(FIRST + block * 2 * BLOCK_BYTES).toString(16)}`;
  const time = (1_700_000_000 + number / 1e5).toFixed(6);
  return `100 ${time} ${CALLS[number % CALLS.length](at)} <0.000002>\n`;
}

async function writeLog(path, count) {
  const out = createWriteStream(path);
  for (let number = 0; number < count; number++) {
    if (!out.write(lineOf(number))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

async function replaySeconds(folder, count) {
  const log = join(folder, `${count}.strace`);
  await writeLog(log, count);
  const start = performance.now();
  const { status, stdout } = spawnSync(execPath, [resolve(dist, 'main.js'), 'replay', log], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`The replay found something:\n${stdout}`);
  return (performance.now() - start) / 1000;
}

const folder = mkdtempSync(join(tmpdir(), 'vmaspace-bench-'));
try {
  const startUp = await replaySeconds(folder, 1);
  const whole = await replaySeconds(folder, lines);
  const rate = Math.round(lines / (whole - startUp));
  console.log(`${lines} lines in ${whole.toFixed(2)} s, ${startUp.toFixed(2)} s of it to start`);
  console.log(`${rate.toLocaleString('en')} lines a second`);
} finally {
  rmSync(folder, { recursive: true });
}
