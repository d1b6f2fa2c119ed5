import { parseInteger } from './integer.ts';
import type { Call, Word } from './record.ts';
import { parseString } from './text.ts';
import { type Fd, parseFd, type Struct, structOf, toInt } from './value.ts';

const NO_FD: Fd = { fd: -1, path: null };
const EXCERPT = 80;

/**
 * The arguments of one call, read by position from 0.
 *
 * What cannot be read comes out as zero, and the first such argument is kept in `refusal`: a
 * decoder reads on, and its result is thrown away.
 */
export class Arguments {
  readonly call: Call;
  refusal: string | null = null;
  #named: Struct | null = null;

  constructor(call: Call) {
    this.call = call;
  }

  raw(index: number): string {
    const text = this.call.args[index];
    return text ?? this.refuse(index, 'missing');
  }

  /** A register. */
  word(index: number): Word {
    return this.#wordOf(this.raw(index), index);
  }

  /** A register that may be left out, or be printed as something else. */
  wordOrNull(index: number): Word | null {
    const text = this.call.args[index];
    return text === undefined ? null : parseInteger(text);
  }

  /** What C declares an int. */
  int(index: number): number {
    return toInt(this.word(index));
  }

  /** An int that strace leaves out when the call does not use it. */
  intOr(index: number, absent: number): number {
    return this.call.args[index] === undefined ? absent : this.int(index);
  }

  fd(index: number): Fd {
    const text = this.raw(index);
    const fd = parseFd(text);
    if (fd === null) this.#refuseNumber(index, text);
    return fd ?? NO_FD;
  }

  /** A string; null for an address that strace could not read. */
  string(index: number): string | null {
    const text = this.raw(index);
    const string = parseString(text);
    if (string === null && parseInteger(text) === null)
      this.refuse(index, quoted('not a string', text));
    return string?.value ?? null;
  }

  /** An argument printed with its name, as those of clone; `absent` when it is not there. */
  named(name: string, absent: Word): Word {
    this.#named ??= structOf(this.call.args);
    return this.field(this.#named, name, absent);
  }

  /** A member of a structure that is an argument. */
  field(struct: Struct, name: string, absent: Word): Word {
    const text = struct.fields.get(name);
    if (text === undefined) return absent;
    const value = parseInteger(text);
    if (value === null) this.#say(`${name} of ${this.call.name}: ${quoted('not a number', text)}`);
    return value ?? 0;
  }

  /** Keeps the first refusal. @returns zero, as text. */
  refuse(index: number, reason: string): string {
    this.#say(`argument ${index + 1} of ${this.call.name}: ${reason}`);
    return '0';
  }

  #wordOf(text: string, index: number): Word {
    const value = parseInteger(text);
    if (value === null) this.#refuseNumber(index, text);
    return value ?? 0;
  }

  #refuseNumber(index: number, text: string): void {
    this.refuse(index, quoted('not a number', text));
  }

  #say(reason: string): void {
    this.refusal ??= reason;
  }
}

function quoted(reason: string, text: string): string {
  return `${reason}: ${JSON.stringify(text.slice(0, EXCERPT))}`;
}
