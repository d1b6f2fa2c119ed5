import { CODE, Cursor } from './cursor.ts';
import type { Place } from './events.ts';
import { splitList } from './list.ts';
import type { Names } from './names.ts';
import type { Call, Resumed, StraceRecord } from './record.ts';
import { Outcome } from './result.ts';
import type { Pending, Threads } from './threads.ts';

export const NOT_STRACE = 'not a line of strace output';
export const NEVER_BEGUN = 'a resumed call that was never begun';
export const OTHER_CALL = 'a resumed call that is not the unfinished one';

const UNFINISHED = ' <unfinished ...>';
/** In its place: an exec that ends the other threads comes back under the leader's number. */
const PID_CHANGED = ' <pid changed to ';
const DETACHED = ' <detached ...>';

/** Reads calls, and joins the halves of those that others overtook. */
export class CallReader {
  readonly #names: Names;
  readonly #threads: Threads;
  readonly #sink: (record: StraceRecord) => void;
  readonly #outcome = new Outcome();
  readonly #joined = new Cursor();
  /** Told of a call that others overtake, when it begins. */
  begun: ((call: Pending) => void) | null = null;

  constructor(names: Names, threads: Threads, sink: (record: StraceRecord) => void) {
    this.#names = names;
    this.#threads = threads;
    this.#sink = sink;
  }

  /** Reads `name(...) = result`. @returns null, or the reason why the line is malformed. */
  read(cursor: Cursor, place: Place): string | null {
    const name = this.#names.read(cursor);
    if (!cursor.eat(CODE.open)) return NOT_STRACE;

    if (!name.isWanted) {
      name.skipped++;
      this.#loseBefore(place.tid);
      return null;
    }
    const mark = unfinishedMark(cursor);
    if (mark !== null) {
      this.#begin(pendingAt(place, name.name, withoutEnd(cursor, mark)));
      return null;
    }
    if (cursor.endsWith(DETACHED)) {
      this.#loseBefore(place.tid);
      this.lose(pendingAt(place, name.name, withoutEnd(cursor, DETACHED)));
      return null;
    }
    return this.#finish(cursor, pendingAt(place, name.name, ''), null);
  }

  /** Reads `<... name resumed>...) = result`. @returns null, or the reason. */
  resume(cursor: Cursor, place: Place): string | null {
    if (!cursor.eatText('<... ')) return NOT_STRACE;
    const name = this.#names.read(cursor);
    if (!cursor.eatText(' resumed>')) return NOT_STRACE;
    if (!name.isWanted) return null;

    const call = this.#threads.pendingOf(place.tid);
    if (call === null) return NEVER_BEGUN;
    if (call.name !== name.name) return OTHER_CALL;

    const text = call.text + cursor.rest();
    this.#joined.reset(text, 0, text.length);
    if (this.#joined.endsWith(UNFINISHED)) return OTHER_CALL;
    const { line, time, tid } = place;
    return this.#finish(this.#joined, call, { line, time, tid });
  }

  /** Hands out a call whose end was never seen. */
  lose(call: Pending): void {
    const text = `${call.text})`;
    const items = splitList(new Cursor(text), CODE.close);
    const args = typeof items === 'string' ? [] : [...items];
    if (args.at(-1) === '') args.pop();
    this.#outcome.clear();
    this.#emit(call, args, null);
  }

  #begin(call: Pending): void {
    const lost = this.#threads.begin(call, call.tid);
    if (lost !== null) this.lose(lost);
    this.begun?.(call);
  }

  #loseBefore(tid: number): void {
    const lost = this.#threads.take(tid);
    if (lost !== null) this.lose(lost);
  }

  #finish(cursor: Cursor, call: Pending, resumed: Resumed | null): string | null {
    const items = splitList(cursor, CODE.close);
    if (typeof items === 'string') return items;
    const reason = this.#outcome.read(cursor);
    if (reason !== null) return reason;

    // Nothing below can fail.
    if (resumed === null) this.#loseBefore(call.tid);
    else this.#threads.take(resumed.tid);
    const isCut = this.#outcome.result.kind === 'unknown';
    this.#emit(call, isCut ? withoutMarks(items) : items, resumed);
    return null;
  }

  #emit(call: Pending, args: readonly string[], resumed: Resumed | null): void {
    const { result, duration, injected, delayed } = this.#outcome;
    const { line, tid, time, name, continuedLine } = call;
    const record: Call = {
      kind: 'call',
      line,
      tid,
      time,
      name,
      args,
      result,
      duration,
      injected,
      delayed,
      resumed,
      continuedLine,
    };
    this.#sink(record);
  }
}

// Named one by one: a spread would cost more than reading the line.
function pendingAt(place: Place, name: string, text: string): Pending {
  const { tid, line, time, continuedLine } = place;
  return { tid, line, time, name, text, continuedLine };
}

function withoutEnd(cursor: Cursor, mark: string): string {
  return cursor.text.slice(cursor.at, cursor.end - mark.length);
}

/** Of a killed thread, older versions print `futex(0x1000, FUTEX_WAIT <unfinished ...>) = ?`. */
function withoutMarks(items: readonly string[]): readonly string[] {
  const mark = UNFINISHED.trim();
  const last = items.at(-1);
  if (last === undefined || !last.endsWith(mark)) return items;
  const rest = last.slice(0, -mark.length).trimEnd();
  return rest === '' ? items.slice(0, -1) : [...items.slice(0, -1), rest];
}

/** @returns what stands at the end of a call that will be resumed; null for one that is whole. */
function unfinishedMark(cursor: Cursor): string | null {
  if (cursor.endsWith(UNFINISHED)) return UNFINISHED;
  if (!cursor.endsWith(' ...>')) return null;
  const at = cursor.text.lastIndexOf(PID_CHANGED, cursor.end);
  return at < cursor.at ? null : cursor.text.slice(at, cursor.end);
}
