/** The process that a vector begins with, as its base record describes it. */
import {
  ADDR_NO_RANDOMIZE,
  isErr,
  type Machine,
  PAGE_SIZE,
  type Process,
  vmFlagsOfText,
} from '../../index.ts';
import { giveLimits } from './limits.ts';
import { type Vector, VectorError, type VectorRecord, type VectorVma } from './vector.ts';

/**
 * The recorded process is a forked child whose parent has written to all of its memory: what is
 * returned is the parent.
 *
 * @throws VectorError for a base that is no address space.
 */
export function firstParent(machine: Machine, { base, header }: Vector): Process {
  const parent = machine.spawn();
  const vmas = base.vmas ?? [];
  const heap = vmas.find(([, , , , name]) => name === '[heap]');
  const result = parent.exec({
    vmas: vmas.filter(([, , , , name]) => name !== '[vsyscall]').map((vma) => initialVma(vma)),
    layout: layoutOf(base, vmas, heap),
  });
  if (isErr(result)) {
    parent.exit();
    throw new VectorError('line 2: the base record is no address space');
  }
  giveLimits(parent, header);
  parent.setPersonality(ADDR_NO_RANDOMIZE);
  if (header.uid !== 0) parent.setCapabilities(0);
  for (const [start] of vmas) parent.touch(parseInt(start, 16), 'write');
  if (heap !== undefined) fillHeap(parent, heap);
  return parent;
}

function layoutOf(base: VectorRecord, vmas: readonly VectorVma[], heap: VectorVma | undefined) {
  const special = vmas.filter(([, , , , name]) => name.startsWith('[v') && name !== '[vsyscall]');
  const stack = vmas.find(([, , , , name]) => name === '[stack]');
  const brk = parseInt(base.brk ?? heap?.[1] ?? '0', 16);
  return {
    startBrk: heap === undefined ? brk : parseInt(heap[0], 16),
    brk,
    ...dataOf(base),
    ...(stack === undefined ? {} : { startStack: parseInt(stack[1], 16) - 1 }),
    ...(special.length === 0
      ? {}
      : { mmapBase: Math.max(...special.map(([, end]) => parseInt(end, 16))) }),
  };
}

/** As the recorder left it: every page begins with a one. */
function fillHeap(process: Process, [start, end]: VectorVma): void {
  for (let at = parseInt(start, 16); at < parseInt(end, 16); at += PAGE_SIZE) {
    process.store64(at, 1n);
  }
}

function initialVma([start, end, , offset, name, flags]: VectorVma) {
  const isSpecial = name.startsWith('[v');
  const isFile = name.startsWith('/');
  return {
    start: parseInt(start, 16),
    end: parseInt(end, 16),
    flags: vmFlagsOfText(flags),
    ...(isSpecial ? { special: name, pgoff: 0 } : {}),
    // Its own program, which no operation touches, stands as memory of its own.
    ...(isFile ? { pgoff: parseInt(offset, 16) / 4096 } : {}),
  };
}

/** What RLIMIT_DATA counts beside the heap: the program's own data. */
function dataOf({ data }: VectorRecord): { startData?: number; endData?: number } {
  const [start, end] = data ?? [];
  if (start === undefined || end === undefined) return {};
  return { startData: parseInt(start, 16), endData: parseInt(end, 16) };
}
