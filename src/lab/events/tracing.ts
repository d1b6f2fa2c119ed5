/** A tracing instance of our own: what it records, nobody else's tracing notices. */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const { O_NONBLOCK, O_RDONLY } = constants;

/** Where tracefs may be mounted. */
const PLACES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
const PREFIX = 'vmaspace-';
const EVENTS = [
  'mmap_lock',
  'maple_tree/ma_write',
  'maple_tree/ma_op',
  'exceptions/page_fault_user',
  'exceptions/page_fault_kernel',
];
/** For each CPU: more than any one operation makes. */
const BUFFER_KB = '4096';

const PIECE = 1 << 16;

/** This machine cannot show its kernel's events: told in one sentence. */
export class CannotTrace extends Error {}

export class Tracing {
  readonly #folder: string;
  readonly #close = (): void => this.close();
  readonly #buffer = Buffer.alloc(PIECE);
  #pipe: number | null = null;
  #isOpen = true;

  /** @throws CannotTrace */
  constructor() {
    const place = findPlace();
    const instances = join(place, 'instances');
    removeForsaken(instances);
    this.#folder = join(instances, `${PREFIX}${process.pid}`);
    try {
      mkdirSync(this.#folder);
      this.#write('buffer_size_kb', BUFFER_KB);
      // Children that are forked are followed too.
      this.#write('options/event-fork', '1');
      for (const event of EVENTS) this.#write(`events/${event}/enable`, '1');
    } catch (error) {
      this.close();
      throw new CannotTrace(`${place} refuses an instance of its own (${wordsOf(error)}).`);
    }
    // Nothing is left behind, however this ends.
    process.once('exit', this.#close);
  }

  /** From now on the events of these threads are recorded. */
  follow(tids: readonly number[]): void {
    this.#write('set_event_pid', tids.join(' '));
    this.#write('tracing_on', '1');
    this.take();
  }

  /** @returns the lines since the last time, in the order of time. */
  take(): string[] {
    this.#pipe ??= openSync(join(this.#folder, 'trace_pipe'), O_RDONLY | O_NONBLOCK);
    let text = '';
    for (let piece = this.#read(); piece !== ''; piece = this.#read()) text += piece;
    return text.split('\n').filter((line) => line !== '');
  }

  /** @returns nothing when there is nothing more. */
  #read(): string {
    try {
      const bytes = readSync(this.#pipe ?? -1, this.#buffer, 0, this.#buffer.length, null);
      return this.#buffer.toString('latin1', 0, bytes);
    } catch (error) {
      if (wordsOf(error) === 'EAGAIN') return '';
      throw error;
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off('exit', this.#close);
    if (this.#pipe !== null) closeSync(this.#pipe);
    removeInstance(this.#folder);
  }

  #write(file: string, text: string): void {
    writeFileSync(join(this.#folder, file), text);
  }
}

function findPlace(): string {
  if (process.platform !== 'linux') {
    throw new CannotTrace(`Events are those of a Linux kernel; this is ${process.platform}.`);
  }
  if (process.getuid?.() !== 0) {
    throw new CannotTrace("Only root may trace the kernel's events: run it as root.");
  }
  const place = PLACES.find((one) => entriesOf(one).includes('instances'));
  if (place === undefined) {
    throw new CannotTrace(
      'There is no tracefs: mount -t tracefs none /sys/kernel/tracing; containers seldom may.',
    );
  }
  for (const group of ['maple_tree', 'mmap_lock', 'exceptions']) {
    if (entriesOf(join(place, 'events', group)).length > 0) continue;
    throw new CannotTrace(`This kernel was built without the events of ${group}.`);
  }
  return place;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Instances of runs that were killed. */
function removeForsaken(instances: string): void {
  for (const name of entriesOf(instances)) {
    const pid = Number(/^vmaspace-(\d+)$/u.exec(name)?.[1] ?? 0);
    const isForsaken = pid === process.pid || (pid > 0 && entriesOf(`/proc/${pid}`).length === 0);
    if (isForsaken) removeInstance(join(instances, name));
  }
}

function removeInstance(folder: string): void {
  try {
    writeFileSync(join(folder, 'tracing_on'), '0');
    rmdirSync(folder);
  } catch {
    // It was never made.
  }
}

const wordsOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
