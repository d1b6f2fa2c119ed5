/** What differs between a process of the live kernel and ours after the same call. */
import { readFileSync } from 'node:fs';
import { vmFlagsText } from '../../src/index.ts';
import type { Twin } from '../twin.ts';

/** A call made in both. */
export interface Step {
  /** The call as a line of text. */
  readonly call: string;
  /** A result, or what a touch met. */
  readonly kernel: number | string;
  readonly engine: number | string;
}

/** @returns what differs in the answer, the VMAs with their flags, or the totals; null: nothing. */
export function difference(twin: Twin, { kernel, engine }: Step): string | null {
  if (kernel !== engine) return `the kernel: ${kernel}, the engine: ${engine}`;
  return vmasDifference(twin) ?? totalsDifference(twin);
}

function vmasDifference({ kernel, process }: Twin): string | null {
  const mapped = kernel.vmas().filter(({ path }) => path !== '[vsyscall]');
  const theirs = mapped.map(({ start, end, vmFlags }) => line(Number(start), Number(end), vmFlags));
  const ours = process.vmas().map(({ start, end, flags }) => line(start, end, vmFlagsText(flags)));
  if (theirs.join() === ours.join()) return null;
  return `only in the kernel:\n${only(theirs, ours)}\nonly in the engine:\n${only(ours, theirs)}`;
}

const line = (start: number, end: number, flags: string): string =>
  `${start.toString(16)}-${end.toString(16)} ${flags.trim()}`;

const only = (some: readonly string[], others: readonly string[]): string =>
  some.filter((one) => !others.includes(one)).join('\n');

function totalsDifference({ kernel, process }: Twin): string | null {
  const status = readFileSync(`/proc/${kernel.pid}/status`, 'latin1');
  const { totalVm, lockedVm, dataVm, stackVm } = process.layout();
  const totals = { VmSize: totalVm, VmLck: lockedVm, VmData: dataVm, VmStk: stackVm };
  for (const [name, pages] of Object.entries(totals)) {
    const kb = Number(new RegExp(`${name}:\\s+(\\d+)`, 'u').exec(status)?.[1] ?? 0);
    if (kb !== pages * 4) return `${name}: the kernel ${kb} kB, the engine ${pages * 4} kB`;
  }
  return null;
}
