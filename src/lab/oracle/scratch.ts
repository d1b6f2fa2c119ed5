import { type Answer, type Request, requestLoad, requestStore } from './request.ts';
import { SCRATCH_AT, SCRATCH_BYTES } from './stub_code.ts';

/** The part of a thread's work area that is free for arguments and results of calls. */
export class Scratch {
  readonly #start: number;
  readonly #ask: (requests: readonly Request[]) => Answer[];

  constructor(area: number, ask: (requests: readonly Request[]) => Answer[]) {
    this.#start = area + SCRATCH_AT;
    this.#ask = ask;
  }

  /** @returns the address of the bytes. */
  poke(offset: number, bytes: Uint8Array): number {
    const words = Buffer.alloc(Math.ceil(bytes.length / 8) * 8);
    if (offset % 8 !== 0 || offset + words.length > SCRATCH_BYTES) {
      throw new Error('poke is for aligned offsets inside the scratch area.');
    }
    words.set(bytes);
    const stores = this.#addresses(offset, words.length).map((addr, i) =>
      requestStore(addr, words.readBigUInt64LE(i * 8)),
    );
    this.#ask(stores);
    return this.#start + offset;
  }

  peek(offset: number, length: number): Buffer {
    const words = Buffer.alloc(Math.ceil(length / 8) * 8);
    const answers = this.#ask(this.#addresses(offset, words.length).map(requestLoad));
    answers.forEach((answer, i) => words.writeBigUInt64LE(answer.value, i * 8));
    return words.subarray(0, length);
  }

  #addresses(offset: number, length: number): bigint[] {
    const first = this.#start + offset;
    return Array.from({ length: length / 8 }, (_, i) => BigInt(first + i * 8));
  }
}
