/**
 * What travels between this program and the stub.
 *
 *   request  64 bytes   kind   six or seven operands
 *   result   24 bytes   status   value   sum
 *
 * status is 0, or for a caught signal its number and, in the upper half, its si_code.  A batch is
 * at most 64 requests: 4096 bytes are written to a pipe as a whole (PIPE_BUF), so the stub never
 * sees half a request.
 */
export const REQUEST_BYTES = 64;
export const RESULT_BYTES = 24;
export const BATCH_LIMIT = 64;

const KIND_CALL = 0n;
const KIND_LOAD = 1n;
const KIND_STORE = 2n;
const KIND_FORK = 3n;
const KIND_THREAD = 4n;
const WORDS_IN_PAGE = 512n;

/** One question, as 64-bit words; missing words are zero. */
export type Request = readonly bigint[];

/** A system call by number, with up to six arguments. */
export function requestCall(nr: number, args: readonly (number | bigint)[]): Request {
  return [KIND_CALL, BigInt(nr), ...args.map(BigInt)];
}

/** The 64-bit word at `addr`. */
export function requestLoad(addr: bigint): Request {
  return [KIND_LOAD, addr, 0n];
}

/** The word at `addr`, and the weighted sum of the 512 words from there on. */
export function requestLoadPage(addr: bigint): Request {
  return [KIND_LOAD, addr, WORDS_IN_PAGE];
}

/** Write `value` to the 64-bit word at `addr`. */
export function requestStore(addr: bigint, value: bigint): Request {
  return [KIND_STORE, addr, value];
}

/** Fork; the child goes on reading from fd `input` and answering on fd `output`. */
export function requestFork(input: number, output: number): Request {
  return [KIND_FORK, BigInt(input), BigInt(output)];
}

/** A new thread, which reads from fd `input`, answers on fd `output` and works in `area`. */
export function requestThread(input: number, output: number, area: number): Request {
  return [KIND_THREAD, BigInt(input), BigInt(output), BigInt(area)];
}

/** What came of a request. */
export interface Answer {
  /** 0, or the number of the signal that ended a load or store. */
  readonly signal: number;
  readonly code: number;
  /** A system call's return value, or the word loaded (unsigned). */
  readonly value: bigint;
  /** Sum of word[i] * (2i + 1) modulo 2^64, of a page load. */
  readonly sum: bigint;
}

/** The bytes of a batch. */
export function encodeRequests(requests: readonly Request[]): Buffer {
  const bytes = Buffer.alloc(requests.length * REQUEST_BYTES);
  requests.forEach((request, i) => {
    request.forEach((word, j) => {
      bytes.writeBigUInt64LE(BigInt.asUintN(64, word), i * REQUEST_BYTES + j * 8);
    });
  });
  return bytes;
}

/** The answers in `bytes`, as many as there are. */
export function decodeResults(bytes: Buffer): Answer[] {
  const answers: Answer[] = [];
  for (let at = 0; at < bytes.length; at += RESULT_BYTES) {
    answers.push({
      signal: bytes.readUInt32LE(at),
      code: bytes.readInt32LE(at + 4),
      value: bytes.readBigUInt64LE(at + 8),
      sum: bytes.readBigUInt64LE(at + 16),
    });
  }
  return answers;
}

/** A system call's result: negative for an error, a number wherever one is exact. */
export function callResult(answer: Answer): number | bigint {
  const signed = BigInt.asIntN(64, answer.value);
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}
