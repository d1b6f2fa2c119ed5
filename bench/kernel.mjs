/** The live kernel as a subject of measurement: a C file, compiled for the run and told by a pipe. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { platform } from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** @returns why there is no kernel to compare with, or null. */
export function whyNoKernel() {
  if (platform !== 'linux') return `${platform} is not Linux`;
  return spawnSync('gcc', ['--version']).status === 0 ? null : 'there is no gcc';
}

/** Starts a process that measures: `source`, a URL, with numbers for arguments. */
export function startKernel(source, args) {
  const scratch = mkdtempSync(join(tmpdir(), 'vmaspace-bench-'));
  const program = join(scratch, 'kernel');
  const built = spawnSync('gcc', ['-O2', '-o', program, fileURLToPath(source)], {
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`${source} does not compile: ${built.stderr}`);
  const child = spawn(program, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    /** @returns nanoseconds an operation, or NaN when the kernel's side has no such pattern. */
    async run(name) {
      child.stdin.write(`${name}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`${source} ended early`);
      return Number(value) < 0 ? NaN : Number(value);
    },
    stop() {
      child.stdin.end();
      rmSync(scratch, { recursive: true });
    },
  };
}
