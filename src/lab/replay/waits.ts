/**
 * Who was told of whose end: each child that a program waited for must have ended as a child of
 * that program here too, with that status; and where the kernel had no child, nor has the engine.
 */
import { ECHILD, WALL, WCLONE, WNOHANG } from '../../index.ts';
import type { SigchldCall, WaitCall } from '../strace/memory_call.ts';
import type { Call } from '../strace/record.ts';
import type { Findings } from './findings.ts';
import type { Notes } from './notes.ts';
import type { Program, Thread } from './program.ts';
import { callText } from './runner.ts';

/** One wait that has come back. */
export interface Wait {
  readonly thread: Thread;
  readonly record: Call;
  readonly call: WaitCall;
}

export class Waits {
  readonly #findings: Findings;
  readonly #notes: Notes;
  /** Programs that have ended, and perhaps are zombies, by their number in the log. */
  readonly #ended = new Map<number, Program>();
  /** Waits for what the log shows to end later. */
  readonly #early = new Map<number, Wait>();
  #showsSigaction = false;

  constructor(findings: Findings, notes: Notes) {
    this.#findings = findings;
    this.#notes = notes;
  }

  /** What a program does about SIGCHLD from now on. */
  sigaction({ process }: Program, { ignores }: SigchldCall): void {
    this.#showsSigaction = true;
    if (ignores !== null) process.ignoreChildren(ignores);
  }

  /** A program has ended in the engine. */
  ended(program: Program): void {
    const wait = this.#early.get(program.pid);
    this.#early.delete(program.pid);
    if (wait === undefined) this.#ended.set(program.pid, program);
    else if (!wait.thread.program.isGone) this.#take(wait, program);
  }

  /** @param isWhole whether all children are known that the log shows up to here. */
  waited(wait: Wait, isWhole: boolean): void {
    const { record, call } = wait;
    const { result } = record;
    if (call.childTid !== null) {
      const program = this.#ended.get(call.childTid);
      this.#ended.delete(call.childTid);
      if (program === undefined) this.#early.set(call.childTid, wait);
      else this.#take(wait, program);
    } else if (result.kind === 'error' && result.code === ECHILD && isWhole) {
      this.#expectNone(wait);
    }
  }

  /** The engine's parent takes the end of its child too. */
  #take(wait: Wait, child: Program): void {
    if (child.isAdopted) return;
    const { options, status } = wait.call;
    const ended = wait.thread.program.process.wait(child.id, kindOf(options));
    if (typeof ended === 'number') {
      const message = `The kernel gave the end of ${child.pid}, which is no such child in the engine.`;
      this.#add(wait, message, `${ended}`);
    } else if (status !== null && ended.status !== status) {
      const message = `Process ${child.pid} ended with status ${status}, in the engine with ${ended.status}.`;
      this.#add(wait, message, `${ended.status}`);
    }
  }

  #expectNone(wait: Wait): void {
    const { call, thread } = wait;
    const child = call.pid > 0 ? this.#ended.get(call.pid) : undefined;
    // Groups, and who has never ended, are not followed here.
    if (call.name !== 'wait4' || (call.pid !== -1 && child === undefined)) return;
    const found = thread.program.process.wait(child?.id ?? -1, kindOf(call.options));
    if (found === ECHILD) return;
    if (typeof found !== 'number' && !this.#showsSigaction) return this.#notes.add('sigchld');
    const message = 'The kernel had no child to wait for, the engine has.';
    this.#add(wait, message, typeof found === 'number' ? '0' : `${found.pid}`);
  }

  #add({ thread, record }: Wait, message: string, engine: string): void {
    const { program, tid } = thread;
    const parts = { pid: program.pid, tid, line: record.line, call: callText(record), engine };
    this.#findings.add('result', message, parts);
  }
}

/** Which children are meant; nobody sleeps here. */
const kindOf = (options: number): number => (options & (WALL | WCLONE)) | WNOHANG;
