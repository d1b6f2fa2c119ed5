/** Runs a program under strace, and writes down what a replay of it needs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { CannotRecord, WrongRecord } from './cannot.ts';
import { Census } from './census.ts';
import { makeDirectory } from './directory.ts';
import { FaultRecorder, type FaultsKept, noFaults } from './fault_recorder.ts';
import { findProgram } from './found_program.ts';
import { LogWatch } from './log_watch.ts';
import { machineSettings } from './settings.ts';
import { Signals } from './signals.ts';
import { Snapshots } from './snapshots.ts';
import { straceArguments, windowsOf } from './strace_arguments.ts';
import { findTracer, type Tracer } from './tracer.ts';

export interface RecordOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Null: `recording-NAME`, or the next free one. */
  readonly directory: string | undefined;
  /** Milliseconds that a program is held up at its end; at a start it is less. */
  readonly window: number;
  readonly faults: boolean;
  /** False: without address space layout randomisation. */
  readonly aslr: boolean;
  readonly progress: (watch: LogWatch) => void;
}

export interface Recorded {
  readonly directory: string;
  readonly census: Census;
  readonly snapshots: Snapshots;
  readonly faults: FaultsKept;
  readonly seconds: number;
  /** The signal that the user ended it with. */
  readonly interrupted: string | null;
}

/** Milliseconds between two looks at the log. */
const POLL = 3;
const LOG = 'trace.strace';
/** Waits for a line on descriptor 3, so that perf can begin before strace does. */
const HOLDER = 'read -r _ <&3; exec 3<&-; exec "$@"';

/** @throws CannotRecord, WrongRecord */
export async function record(options: RecordOptions): Promise<Recorded> {
  const tracer = findTracer();
  const [name = ''] = options.command;
  if (findProgram(name) === null) {
    throw new WrongRecord(`There is no program ${name}: give one that can be run, after "--".`);
  }
  const launcher = options.aslr ? [] : launcherWithoutAslr();
  const directory = makeDirectory(options.directory, name);
  return new Recorder(directory, tracer, options).run(launcher);
}

function launcherWithoutAslr(): string[] {
  const path = findProgram('setarch');
  if (path !== null) return [path, '-R'];
  throw new CannotRecord('There is no setarch in PATH: --no-aslr needs it (package util-linux).');
}

class Recorder {
  readonly #directory: string;
  readonly #tracer: Tracer;
  readonly #options: RecordOptions;
  readonly #log: string;
  readonly #snapshots: Snapshots;
  readonly #watch: LogWatch;

  constructor(directory: string, tracer: Tracer, options: RecordOptions) {
    this.#directory = directory;
    this.#tracer = tracer;
    this.#options = options;
    this.#log = join(directory, LOG);
    this.#snapshots = new Snapshots(directory, windowsOf(options.window));
    this.#watch = new LogWatch(this.#log, (window) => this.#snapshots.take(window));
  }

  async run(launcher: readonly string[]): Promise<Recorded> {
    const began = performance.now();
    const child = this.#spawn(launcher);
    const signals = new Signals(this.#watch);
    const closed = once(child, 'close');
    let perf: FaultRecorder | string;
    try {
      perf = await this.#startFaults(child.pid ?? 0);
      (child.stdio[3] as Duplex).end('go\n');
      await this.#follow(closed);
    } finally {
      signals.stop();
      this.#watch.close();
    }
    const census = await this.#census();
    const faults = typeof perf === 'string' ? noFaults(perf) : await perf.finish(census.tids);
    const seconds = (performance.now() - began) / 1000;
    const { interrupted } = signals;
    this.#writeMeta(census);
    const { directory } = this.#options;
    return {
      directory: directory ?? this.#directory,
      census,
      snapshots: this.#snapshots,
      faults,
      seconds,
      interrupted,
    };
  }

  #spawn(launcher: readonly string[]): ChildProcess {
    const { command, window } = this.#options;
    const strace = [this.#tracer.path, ...straceArguments(this.#log, windowsOf(window))];
    const args = ['-c', HOLDER, 'sh', ...launcher, ...strace, '--', ...command];
    const child = spawn('/bin/sh', args, { stdio: ['inherit', 'inherit', 'inherit', 'pipe'] });
    // The holder may be ended before it has read its line.
    child.stdio[3]?.on('error', () => {});
    return child;
  }

  async #startFaults(pid: number): Promise<FaultRecorder | string> {
    if (!this.#options.faults) return 'they were not asked for';
    return FaultRecorder.start(pid, this.#directory);
  }

  /** Looks at the log until strace has ended. */
  async #follow(closed: Promise<unknown>): Promise<void> {
    const over = closed.then(() => true);
    for (let isOver = false; !isOver;) {
      this.#watch.poll();
      this.#options.progress(this.#watch);
      isOver = await Promise.race([over, setTimeout(POLL, false)]);
    }
    this.#watch.poll();
  }

  async #census(): Promise<Census> {
    if (existsSync(this.#log)) return Census.of(this.#log);
    throw new CannotRecord(`strace ended before it wrote ${this.#log}.`);
  }

  #writeMeta({ processes, first }: Census): void {
    const { command, aslr } = this.#options;
    const meta = {
      command,
      kernel: release(),
      strace: this.#tracer.version,
      aslr: aslr ? 'as it was' : 'off',
      end: first?.end ?? null,
      settings: machineSettings(),
      processes: Object.fromEntries([...processes.values()].map((one) => [one.pid, one.command])),
    };
    writeFileSync(join(this.#directory, 'meta.json'), `${JSON.stringify(meta, null, 1)}\n`);
  }
}
