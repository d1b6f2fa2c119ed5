import { CallReader, NOT_STRACE } from './calls.ts';
import { CODE, Cursor } from './cursor.ts';
import { findAttached, parseExit, parseNote, parseSignal, type Place } from './events.ts';
import { type LineKind, Lines } from './lines.ts';
import { BINARY } from './list.ts';
import { Names } from './names.ts';
import { Prefix } from './prefix.ts';
import type { Event, StraceRecord } from './record.ts';
import { type Pending, Threads } from './threads.ts';

export interface ReaderOptions {
  /** The calls to hand out; of the others only the number is kept. Without it, all. */
  readonly only?: ReadonlySet<string>;
  /** Told of a call that others overtake, when it begins: its record comes when it is back. */
  readonly begun?: (call: Begun) => void;
}

/** A call that has not come back yet. */
export type Begun = Readonly<Pick<Pending, 'tid' | 'line' | 'time' | 'name'>>;

/** The front half of a call that a message of strace itself has cut. */
interface Split {
  readonly place: Place;
  readonly text: string;
}

const EXCERPT = 200;
const TOO_LONG = 'longer than 1 MB';
const TRUNCATED = 'truncated';

/**
 * Reads an strace log that comes in pieces, and gives its records to `sink` in the order of the
 * log; a call that others overtook, when it has come back.
 *
 * Never throws, whatever the text. A line that is no strace output is a record too.
 */
export class StraceReader {
  readonly #sink: (record: StraceRecord) => void;
  readonly #lines = new Lines((cursor, line, kind) => this.#readLine(cursor, line, kind));
  readonly #prefix = new Prefix();
  readonly #threads = new Threads();
  readonly #names: Names;
  readonly #calls: CallReader;
  #split: Split | null = null;

  constructor(sink: (record: StraceRecord) => void, options: ReaderOptions = {}) {
    this.#sink = sink;
    this.#names = new Names(options.only ?? null);
    this.#calls = new CallReader(this.#names, this.#threads, sink);
    this.#calls.begun = options.begun ?? null;
  }

  /** The real number of thread 0, once a log that left it out has told it. */
  get mainTid(): number | null {
    return this.#threads.mainTid;
  }

  /** How many calls of each name `only` left out. */
  get skipped(): ReadonlyMap<string, number> {
    return this.#names.skipped();
  }

  push(chunk: string): void {
    this.#lines.push(chunk);
  }

  /** Hands out what the end of the log decides: the last line, and calls that never came back. */
  end(): void {
    this.#lines.end();
    if (this.#split !== null) this.#refuseSplit(this.#split, TRUNCATED);
    for (const call of this.#threads.takeAll()) this.#calls.lose(call);
  }

  #readLine(cursor: Cursor, line: number, kind: LineKind): void {
    if (kind === 'too long') {
      this.#malformed(cursor.text.slice(cursor.at, cursor.at + EXCERPT), line, TOO_LONG);
      return;
    }
    if (cursor.text.charCodeAt(cursor.end - 1) === D && this.#readAttached(cursor, line)) return;
    if (this.#split !== null && this.#readContinued(this.#split, cursor, line)) return;

    const start = cursor.at;
    const reason = this.#readRecord(cursor, line);
    if (reason === null) return;
    const text = cursor.text.slice(start, Math.min(cursor.end, start + EXCERPT));
    this.#malformed(text, line, kind === 'unended' ? TRUNCATED : reason);
  }

  /** Reads `strace: Process 3810 attached`, which may stand in the middle of a call. */
  #readAttached(cursor: Cursor, line: number): boolean {
    const found = findAttached(cursor, line);
    if (found === null) return false;

    const [event, at] = found;
    this.#cutAt(cursor.text.slice(cursor.at, at), line);
    if (event.kind === 'attached') this.#threads.attach(event.tid);
    else this.#leave(this.#threads.identify('bracket', event.tid));
    this.#sink(event);
    return true;
  }

  /** Keeps what stands before a message: the front of a call, or more of it. */
  #cutAt(text: string, line: number): void {
    if (this.#split !== null) {
      this.#split = { place: this.#split.place, text: this.#split.text + text };
      return;
    }
    const front = new Cursor(text);
    this.#prefix.read(front);
    if (!front.atEnd()) this.#split = { place: this.#place(line), text: front.rest() };
  }

  /** Puts the halves of a cut call together. @returns whether this line was the other half. */
  #readContinued(split: Split, cursor: Cursor, line: number): boolean {
    const whole = new Cursor(split.text + cursor.rest());
    const place = { ...split.place, continuedLine: line };
    const reason = isLetter(whole.peek())
      ? this.#calls.read(whole, place)
      : this.#calls.resume(whole, place);
    this.#split = null;
    if (reason !== null) this.#refuseSplit(split, reason);
    return reason === null;
  }

  #refuseSplit(split: Split, reason: string): void {
    this.#split = null;
    this.#malformed(split.text.slice(0, EXCERPT), split.place.line, reason);
  }

  /** @returns null, or the reason why there is no record. */
  #readRecord(cursor: Cursor, line: number): string | null {
    const prefix = this.#prefix;
    prefix.read(cursor);
    const code = cursor.peek();
    if (isLetter(code) && !cursor.text.startsWith('strace: ', cursor.at)) {
      return this.#calls.read(cursor, this.#place(line));
    }
    if (code === CODE.less) return this.#calls.resume(cursor, this.#place(line));
    return this.#readEvent(cursor, line);
  }

  #place(line: number): Place {
    const { style, tid, time } = this.#prefix;
    return { line, tid: this.#threads.identify(style, tid), time, continuedLine: null };
  }

  #readEvent(cursor: Cursor, line: number): string | null {
    const code = cursor.peek();
    let event: Event | null;
    if (code === CODE.minus) event = parseSignal(cursor, this.#place(line));
    else if (code === CODE.plus) event = parseExit(cursor, this.#place(line));
    else event = parseNote(cursor, { line, tid: 0, time: null, continuedLine: null });

    if (event === null) return NOT_STRACE;
    this.#settle(event);
    this.#sink(event);
    return null;
  }

  /** What an event means for the calls that are under way. */
  #settle(event: Event): void {
    if (event.kind === 'exited' || event.kind === 'killed') this.#leave(event.tid);
    if (event.kind !== 'superseded') return;
    const lost = this.#threads.supersede(event.tid, event.by);
    if (lost !== null) this.#calls.lose(lost);
  }

  #leave(tid: number): void {
    const lost = this.#threads.take(tid);
    if (lost !== null) this.#calls.lose(lost);
    this.#threads.leave(tid);
  }

  #malformed(text: string, line: number, reason: string): void {
    this.#sink({ kind: 'malformed', line, reason: isBinary(text) ? BINARY : reason, text });
  }
}

/** The last letter of `attached` and `detached`. */
const D = 100;

function isLetter(code: number): boolean {
  const letter = code | 32;
  return (letter >= 97 && letter <= 122) || code === 95 || code === CODE.question;
}

/** Bytes that strace never prints, and what decoding bytes that are no text leaves. */
function isBinary(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0xfffd || (code < CODE.space && code !== CODE.tab)) return true;
  }
  return false;
}
