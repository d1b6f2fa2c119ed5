/** Records page faults with perf, beside strace: each one with its thread, time and address. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex, Readable } from 'node:stream';
import { complaintOf, faultLine, faultTid, lostIn, parseClocks } from './fault_text.ts';
import { findProgram } from './found_program.ts';

/** How many milliseconds perf may take to begin. */
const PATIENCE = 10_000;
const EVENTS = 'exceptions:page_fault_user,exceptions:page_fault_kernel';
/** Each event; large buffers, because faults come in storms; off until asked for. */
const FLAGS = `record -q -k CLOCK_MONOTONIC -c 1 -m 2048 -D -1 --control fd:3,4 -e ${EVENTS}`.split(
  ' ',
);
const FAULT_FIELDS = '--show-lost-events --ns -F tid,time,trace'.split(' ');

/** What became of the page faults. */
export interface FaultsKept {
  readonly count: number;
  /** Faults that came faster than perf could write them. */
  readonly lost: number;
  /** Why there are none; null when there are. */
  readonly missing: string | null;
}

export const noFaults = (missing: string): FaultsKept => ({ count: 0, lost: 0, missing });

export class FaultRecorder {
  readonly #perf: string;
  readonly #child: ChildProcess;
  readonly #directory: string;
  #stderr = '';
  #isGone = false;

  /** @returns a sentence without its dot when perf cannot do it here. */
  static async start(pid: number, directory: string): Promise<FaultRecorder | string> {
    const perf = findProgram('perf');
    if (perf === null) return 'there is no perf in PATH';
    const recorder = new FaultRecorder(perf, pid, directory);
    return (await recorder.#begin()) ? recorder : recorder.#giveUp();
  }

  private constructor(perf: string, pid: number, directory: string) {
    this.#perf = perf;
    this.#directory = directory;
    const args = [...FLAGS, '-o', this.#data, '-p', String(pid)];
    // In a session of its own: Ctrl-C is for the program.
    this.#child = spawn(perf, args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.#stderr += String(chunk);
    });
    this.#child.on('error', (error) => this.#gone(error.message));
    this.#child.on('exit', () => this.#gone(''));
    for (const pipe of this.#child.stdio) pipe?.on('error', () => {});
  }

  get #data(): string {
    return join(this.#directory, 'perf.data');
  }

  #gone(message: string): void {
    this.#stderr += message;
    this.#isGone = true;
  }

  /** Events are off until asked for: what perf answers to says that all is set up. */
  async #begin(): Promise<boolean> {
    const [, , , control, answer] = this.#child.stdio;
    const patience = AbortSignal.timeout(PATIENCE);
    const isOn = once(answer as Readable, 'data', { signal: patience }).then(() => true);
    const isOff = once(this.#child, 'close', { signal: patience }).then(() => false);
    (control as Duplex).write('enable\n');
    return Promise.race([isOn, isOff]).catch(() => false);
  }

  #giveUp(): string {
    if (!this.#isGone) this.#child.kill('SIGKILL');
    rmSync(this.#data, { force: true });
    return `perf refuses (${complaintOf(this.#stderr)})`;
  }

  /** Ends the recording, and writes `faults.txt` with the faults of these threads. */
  async finish(tids: ReadonlySet<number>): Promise<FaultsKept> {
    if (!this.#isGone) {
      const closed = once(this.#child, 'close');
      this.#child.kill('SIGINT');
      await closed;
    }
    try {
      return await this.#convert(tids);
    } finally {
      rmSync(this.#data, { force: true });
    }
  }

  async #convert(tids: ReadonlySet<number>): Promise<FaultsKept> {
    const clocks = parseClocks(await this.#header());
    if (clocks === null) return noFaults('perf did not tell its clock');
    const out = createWriteStream(join(this.#directory, 'faults.txt'));
    let count = 0;
    let lost = 0;
    for await (const text of this.#script(FAULT_FIELDS)) {
      const line = faultLine(text, clocks);
      if (line === null) lost += lostIn(text);
      if (line === null || !tids.has(faultTid(line))) continue;
      count++;
      if (!out.write(`${line}\n`)) await once(out, 'drain');
    }
    out.end();
    await once(out, 'close');
    return { count, lost, missing: null };
  }

  async #header(): Promise<string> {
    let text = '';
    for await (const line of this.#script(['--header-only'])) text += `${line}\n`;
    return text;
  }

  async *#script(args: readonly string[]): AsyncGenerator<string> {
    const child = spawn(this.#perf, ['script', '-i', this.#data, ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const isOver = once(child, 'close');
    yield* createInterface({ input: child.stdout });
    await isOver;
  }
}
