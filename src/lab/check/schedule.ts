/**
 * A schedule as text that people read, edit and keep:
 *
 *   004-reuse:old:0*5,1*16,?1,0*10
 *   name      variant  │    └ the choice of thread 1's last step: alternative 1 of 0, 1, ...
 *                      └ thread 0 takes 5 steps, then thread 1 takes 16
 *
 * `-1.2` leaves out operation 2 of thread 1. Where the text ends, each thread goes on as long as it
 * can, and choices are 0.
 */
import type { Executor } from './executor.ts';
import { type Search, STOP } from './search.ts';

export interface Schedule {
  readonly name: string;
  readonly variant: string;
  /** Operations left out, as `thread.operation`. */
  readonly without: readonly string[];
  readonly items: readonly Item[];
}

/** So many steps of a thread, or an alternative. */
export type Item =
  | { readonly thread: number; readonly steps: number }
  | { readonly alternative: number };

/** Which steps an execution took. */
export function itemsOf({ choices, chosen }: Executor): Item[] {
  const items: Item[] = [];
  for (const choice of choices.subarray(0, chosen)) {
    const last = items.at(-1);
    if (choice < 0) items.push({ alternative: -1 - choice });
    else if (last !== undefined && 'thread' in last && last.thread === choice) {
      items[items.length - 1] = { thread: choice, steps: last.steps + 1 };
    } else items.push({ thread: choice, steps: 1 });
  }
  return items;
}

export function scheduleText({ name, variant, without, items }: Schedule): string {
  const parts = [
    ...without.map((operation) => `-${operation}`),
    ...items.map((item) =>
      'thread' in item ? `${item.thread}*${item.steps}` : `?${item.alternative}`,
    ),
  ];
  return `${name}:${variant}:${parts.join(',')}`;
}

/** @throws RangeError that says which part is no part of a schedule. */
export function parseSchedule(text: string): Schedule {
  const match = /^(?<name>.*):(?<variant>[^:]*):(?<parts>[^:]*)$/u.exec(text.trim());
  const { name, variant, parts } = match?.groups ?? {};
  if (name === undefined || variant === undefined || parts === undefined) {
    throw new RangeError(`"${text}" is no schedule: name:variant:0*5,1*3,... is.`);
  }
  const without: string[] = [];
  const items: Item[] = [];
  for (const part of parts.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const left = /^-(\d+\.\d+)$/u.exec(part)?.[1];
    if (left === undefined) items.push(itemOf(part));
    else without.push(left);
  }
  return { name, variant, without, items };
}

function itemOf(part: string): Item {
  const steps = /^(\d+)(?:\*(\d+))?$/u.exec(part);
  if (steps !== null) return { thread: Number(steps[1]), steps: Number(steps[2] ?? 1) };
  const alternative = /^\?(\d+)$/u.exec(part)?.[1];
  if (alternative !== undefined) return { alternative: Number(alternative) };
  throw new RangeError(
    `"${part}" in a schedule: write 0*5 for five steps of thread 0, ?1 for an alternative, -0.1 to leave out operation 1 of thread 0.`,
  );
}

/** Runs a schedule, once. */
export class Replay implements Search {
  /** Why the schedule could not be followed, or null. */
  problem: string | null = null;
  readonly #items: readonly Item[];
  #next = 0;
  #taken = 0;
  #steps = 0;

  constructor(items: readonly Item[]) {
    this.#items = items;
  }

  begin(): void {
    this.#next = this.#taken = this.#steps = 0;
    this.problem = null;
  }

  choose(last: number, enabled: number): number {
    this.#steps++;
    const item = this.#items[this.#next];
    if (item === undefined) return goOn(last, enabled);
    if (!('thread' in item)) return this.#refuse(`?${item.alternative} comes where none is chosen`);
    if (((enabled >> item.thread) & 1) === 0) {
      return this.#refuse(`thread ${item.thread} cannot run`);
    }
    if (++this.#taken >= item.steps) this.#skip();
    return item.thread;
  }

  pick(_thread: number, count: number): number {
    const item = this.#items[this.#next];
    if (item === undefined || 'thread' in item) return 0;
    if (item.alternative >= count) this.#refuse(`?${item.alternative} is one of ${count} only`);
    this.#skip();
    return Math.min(item.alternative, count - 1);
  }

  stepped(): boolean {
    return true;
  }

  next(): boolean {
    return false;
  }

  /** The execution is over. */
  ended(): void {
    if (this.#next === this.#items.length) return;
    this.problem ??= `the execution is over after ${this.#steps} steps, the schedule is not.`;
  }

  #skip(): void {
    this.#next++;
    this.#taken = 0;
  }

  #refuse(why: string): typeof STOP {
    this.problem ??= `step ${this.#steps} of the schedule: ${why}.`;
    return STOP;
  }
}

/** The thread that ran last, if it can go on, or the first that can. */
const goOn = (last: number, enabled: number): number =>
  last >= 0 && ((enabled >> last) & 1) === 1 ? last : 31 - Math.clz32(enabled & -enabled);
