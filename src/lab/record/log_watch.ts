/** Reads a log while strace writes it: who is held up, and who is still there. */
import { closeSync, openSync, readSync } from 'node:fs';

/** A program is held up: its maps can be read until it goes on. */
export interface Window {
  readonly kind: 'start' | 'end';
  readonly tid: number;
  /** When it began, at the latest; seconds since the epoch. */
  readonly opened: number;
  /** Of a start: which exec of its process it was, from 1. */
  readonly exec: number;
}

const BEGINNING = /^(\d+) +(\d+\.\d+) (?:<\.\.\. )?(\w+|\+\+\+|---)/u;
const EXECS: ReadonlySet<string> = new Set(['execve', 'execveat']);
const DELAYED = '(DELAYED)';
/** After an exec by another thread than the leader strace prints numbers that mean nothing. */
const DONE = / = \d+(?: \(DELAYED\))?(?: <[\d.]+>)?$/u;
const PIECE = 1 << 18;

export class LogWatch {
  readonly #file: string;
  readonly #window: (window: Window) => void;
  readonly #buffer = Buffer.alloc(PIECE);
  #descriptor = -1;
  /** A line that is not whole yet. */
  #rest = '';
  /** Whether #rest has been told of. */
  #isTold = false;
  /** The thread that strace has started. */
  first = 0;
  calls = 0;
  /** Threads that have been seen and not seen to end. */
  readonly alive = new Set<number>();
  #hasFirstStart = false;
  /** How many times each thread has executed a program. */
  readonly #execs = new Map<number, number>();

  /** @param window called as soon as a program is seen to be held up. */
  constructor(file: string, window: (window: Window) => void) {
    this.#file = file;
    this.#window = window;
  }

  /** Reads what has been written since. */
  poll(): void {
    if (this.#descriptor < 0 && !this.#open()) return;
    for (;;) {
      // Ends: strace writes at most as fast as programs run, and a piece is long.
      const bytes = readSync(this.#descriptor, this.#buffer, 0, PIECE, null);
      if (bytes > 0) this.#push(this.#buffer.toString('latin1', 0, bytes));
      if (bytes < PIECE) return;
    }
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #open(): boolean {
    try {
      this.#descriptor = openSync(this.#file, 'r');
      return true;
    } catch {
      // strace has not made it yet.
      return false;
    }
  }

  #push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    const rest = lines.pop() ?? '';
    for (const [i, line] of lines.entries()) this.#line(line, i === 0 && this.#isTold);
    if (lines.length > 0) this.#isTold = false;
    this.#rest = rest;
    // exit_group() is written when it begins, and its line ends when the process does.
    if (!this.#isTold && rest.includes(' exit_group(')) this.#isTold = this.#end(rest);
  }

  #line(line: string, isTold: boolean): void {
    const [, tidText, time, what] = BEGINNING.exec(line) ?? [];
    if (tidText === undefined || what === undefined) return;
    const tid = Number(tidText);
    if (this.first === 0) this.first = tid;
    if (what === '+++') {
      this.alive.delete(tid);
      return;
    }
    this.alive.add(tid);
    if (what === '---') return;
    this.calls++;
    if (what === 'exit_group') {
      if (!isTold) this.#end(line);
    } else if (EXECS.has(what)) this.#exec(tid, Number(time), line);
    else if (what === 'brk' && tid === this.first) this.#firstBrk(tid, Number(time), line);
  }

  #exec(tid: number, opened: number, line: string): void {
    if (!DONE.test(line)) return;
    const exec = (this.#execs.get(tid) ?? 0) + 1;
    this.#execs.set(tid, exec);
    if (line.includes(DELAYED)) this.#window({ kind: 'start', tid, opened, exec });
  }

  /** strace cannot hold up its own exec. */
  #firstBrk(tid: number, opened: number, line: string): void {
    if (this.#hasFirstStart || !line.includes(DELAYED)) return;
    this.#hasFirstStart = true;
    if (this.#execs.get(tid) === 1) this.#window({ kind: 'start', tid, opened, exec: 1 });
  }

  /** @returns whether it was told. */
  #end(line: string): boolean {
    const [, tid, time, call] = BEGINNING.exec(line) ?? [];
    if (call !== 'exit_group' || line.includes('<...')) return false;
    this.#window({ kind: 'end', tid: Number(tid), opened: Number(time), exec: 0 });
    return true;
  }
}
