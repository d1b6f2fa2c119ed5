/** Runs a scenario on the live kernel, with tracing on for the processes that run it. */
import { readdirSync, readFileSync } from 'node:fs';
import { record } from '../oracle/recorder.ts';
import { type KernelEvents, parseKernelEvents } from './kernel_events.ts';
import type { EventScenario } from './scenario.ts';
import type { Tracing } from './tracing.ts';

export interface KernelRun {
  /** One for each step. */
  readonly steps: readonly KernelEvents[];
  /** What the kernel answered: a conformance vector. */
  readonly lines: readonly string[];
}

/** What only the process has that makes the operations, among the maps of all children. */
const STUB = /^00300000-/mu;
/** Where its memory ends; its stack is above all that a scenario maps. */
const OWN_END = 0x401000;
const STACK_FROM = 0x7ffffff00000;

const isOwn = (addr: number): boolean => addr < OWN_END || addr >= STACK_FROM;

export function runOnKernel({ name, uid, steps }: EventScenario, tracing: Tracing): KernelRun {
  const before = new Set(childrenOf(process.pid));
  const events: KernelEvents[] = [];
  const rest = steps.values();
  let isFirst = true;
  const lines = record({ profile: name, seed: 0, ops: steps.length, uid }, () => {
    if (isFirst) tracing.follow(subjectsAmong(childrenOf(process.pid), before));
    else events.push(parseKernelEvents(tracing.take(), isOwn));
    isFirst = false;
    return rest.next().value;
  });
  return { steps: events, lines };
}

/** The process that makes the operations is the child of one that has been started for it. */
function subjectsAmong(children: readonly number[], before: ReadonlySet<number>): number[] {
  const started = children.filter((pid) => !before.has(pid) && STUB.test(read(pid, 'maps')));
  const subjects = started.flatMap(childrenOf);
  if (subjects.length > 0) return subjects;
  throw new Error('the process that makes the operations cannot be found among the children.');
}

function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  const texts = threads.map((tid) => read(pid, `task/${tid}/children`));
  return texts.join(' ').split(' ').filter(Boolean).map(Number);
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
