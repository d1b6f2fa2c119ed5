/**
 * A thread of an execution: a function, and the log of what its accesses answered. When the thread
 * was left and is run again from its start, the log answers in place of the memory.
 */
import { KIND_NAMES, KIND_MASK } from './kind.ts';

const ENTRY = 4;

export class Thread {
  readonly id: number;
  readonly name: string;
  readonly body: () => unknown;
  isOnStack = false;
  isDone = false;
  /** What its operations returned. */
  readonly results: unknown[] = [];
  /** Entries: kind, word, arguments, answer. */
  #log = new Int32Array(ENTRY * 64);
  #logged = 0;
  #position = 0;

  constructor(id: number, name: string, body: () => unknown) {
    this.id = id;
    this.name = name;
    this.body = body;
  }

  /** Begins an execution. */
  reset(): void {
    this.isOnStack = false;
    this.isDone = false;
    this.results.length = 0;
    this.#logged = 0;
    this.#position = 0;
  }

  /** Runs again from its start. */
  restart(): void {
    this.isOnStack = true;
    this.#position = 0;
  }

  /** Whether it does again what it has done before. */
  get isReplaying(): boolean {
    return this.#position < this.#logged;
  }

  /** How many accesses of it have been answered in this run. */
  get accesses(): number {
    return this.#position / ENTRY;
  }

  /** @returns whether the access is the one that the log has here; answer() has its answer. */
  repeats(kind: number, at: number, args: number): boolean {
    const log = this.#log;
    const i = this.#position;
    return log[i] === kind && log[i + 1] === at && log[i + 2] === args;
  }

  /** The answer of the access that the log has here, which is then behind us. */
  answer(): number {
    this.#position += ENTRY;
    return this.#log[this.#position - 1] ?? 0;
  }

  /** The word of its last access, or -1. */
  get lastWord(): number {
    return this.#logged === 0 ? -1 : (this.#log[this.#logged - ENTRY + 1] ?? -1);
  }

  /** The access that the log has here, for people. */
  expected(nameOf: (at: number) => string): string {
    return accessText(this.#log[this.#position] ?? 0, this.#log[this.#position + 1] ?? 0, nameOf);
  }

  /** Notes an access and its answer. */
  note(kind: number, at: number, args: number, value: number): void {
    const i = this.#logged;
    if (i + ENTRY > this.#log.length) this.#grow();
    const log = this.#log;
    log[i] = kind;
    log[i + 1] = at;
    log[i + 2] = args;
    log[i + 3] = value;
    this.#logged = this.#position = i + ENTRY;
  }

  #grow(): void {
    const grown = new Int32Array(this.#log.length * 2);
    grown.set(this.#log);
    this.#log = grown;
  }
}

/** Both arguments in one number, by which a repetition is told. */
export const argumentsOf = (a: number, b: number): number => (a + Math.imul(b, 0x9e3779b1)) | 0;

/** An access, without its arguments. */
export function accessText(kind: number, at: number, nameOf: (at: number) => string): string {
  const name = KIND_NAMES[kind & KIND_MASK] ?? '?';
  return at < 0 ? name : `${name} ${nameOf(at)}`;
}
