import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { deathOf, isGone } from './death.ts';
import { type OracleError, denying } from './oracle_error.ts';
import {
  type Answer,
  BATCH_LIMIT,
  RESULT_BYTES,
  type Request,
  decodeResults,
  encodeRequests,
} from './request.ts';

/** A stub's descriptors: it reads requests from one, writes answers to the other. */
export interface StubEnds {
  readonly input: number;
  readonly output: number;
}

/** Whose pipes they are. */
export interface ChannelSpec {
  /** The process; of a thread, that of its first thread. */
  readonly pid: number;
  readonly ends: StubEnds;
  readonly pipes: Pipes;
  /** Seconds that a batch may take. */
  readonly patience: number;
}

/** Our own descriptors of the same pipes. */
export interface Pipes {
  readonly toStub: number;
  readonly fromStub: number;
}

/** The way to a stub and back. */
export class Channel {
  readonly ends: StubEnds;
  readonly #spec: ChannelSpec;
  #postedAt = 0;
  #isOpen = true;

  constructor(spec: ChannelSpec) {
    this.#spec = spec;
    this.ends = spec.ends;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Gives requests, at most 64. */
  post(requests: readonly Request[]): void {
    if (!this.#isOpen) throw new Error('this kernel process was stopped.');
    this.#postedAt = performance.now();
    try {
      writeSync(this.#spec.pipes.toStub, encodeRequests(requests));
    } catch {
      throw this.#death();
    }
  }

  /** Waits for the answers to requests that were posted. */
  take(count: number): Answer[] {
    const results = Buffer.allocUnsafe(count * RESULT_BYTES);
    for (let got = 0; got < results.length;) {
      const more = readSync(this.#spec.pipes.fromStub, results, got, results.length - got, null);
      if (more === 0) throw this.#death();
      got += more;
    }
    return decodeResults(results);
  }

  /** Answers any number of requests, in order. */
  exchange(requests: readonly Request[]): Answer[] {
    const answers: Answer[] = [];
    for (let at = 0; at < requests.length; at += BATCH_LIMIT) {
      const batch = requests.slice(at, at + BATCH_LIMIT);
      this.post(batch);
      answers.push(...this.take(batch.length));
    }
    return answers;
  }

  close(): void {
    this.#isOpen = false;
    closePipes(this.#spec.pipes);
  }

  #death(): OracleError {
    const waited = (performance.now() - this.#postedAt) / 1000;
    return deathOf({ ...this.#spec, waited });
  }
}

/** Opens the pipes whose other ends a process has as these descriptors. */
export function openPipes(pid: number, { input, output }: StubEnds): Pipes {
  if (isGone(pid)) throw deathOf({ pid, waited: 0, patience: Infinity });
  const toStub = denying('open', () => openSync(`/proc/${pid}/fd/${input}`, 'w'));
  try {
    return { toStub, fromStub: denying('open', () => openSync(`/proc/${pid}/fd/${output}`, 'r')) };
  } catch (error) {
    closeSync(toStub);
    throw error;
  }
}

export function closePipes({ toStub, fromStub }: Pipes): void {
  closeSync(toStub);
  closeSync(fromStub);
}
