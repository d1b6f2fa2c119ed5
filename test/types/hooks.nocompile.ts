/**
 * What the compiler refuses of a driver (S1-5, S1-7) and of the path from a merge to the fields
 * that a driver set (S1-26). `tsc` reads this file with all others; nothing here is ever run.
 */
import { setVmPrivateData } from '../../src/engine/mm/vma_struct.ts';
import type { VmaHidden } from '../../src/engine/mm/held.ts';
import { vmAreaAlloc } from '../../src/engine/mm/vma_alloc.ts';
import { vmaMergeNewRange } from '../../src/engine/vma/merge.ts';
import type { VmaMerge } from '../../src/engine/vma/vma_merge.ts';
import type { Driver, File, NewVma, VmAreaDesc, VmaProto, VmOperations } from '../../src/index.ts';

export function proto(p: VmaProto): void {
  // @ts-expect-error mm is not a driver's to change
  p.mm = 64;
  // @ts-expect-error nor where the mapping lies
  p.start = 4096;
  // @ts-expect-error nor where it ends
  p.end = 8192;
  // @ts-expect-error what is only to be set reads as undefined
  const ops: VmOperations = p.vmOps;
  // @ts-expect-error the same for private data
  const data: number = p.privateData;
  // @ts-expect-error flags are a set of flags, not any number
  p.flags = 3;
  // @ts-expect-error there is no such field
  p.vmMm = p.mm;
  void [ops, data];
}

export function desc(d: VmAreaDesc): void {
  // @ts-expect-error the file whose hook this is stays
  d.file = d.vmFile;
  // @ts-expect-error a number is not a file
  d.vmFile = 7;
  // @ts-expect-error what is only to be set reads as undefined
  d.privateData += 1;
  // @ts-expect-error operations are an object of the driver's, not a number
  d.vmOps = 3;
}

export function legacy(file: File, vma: NewVma): void {
  // @ts-expect-error the handle of the VMA is not to be exchanged
  vma.handle = file;
}

export const drivers: Driver[] = [
  // @ts-expect-error a hook returns 0 or an errno, not a promise
  { name: 'a', fileOperations: { mmapPrepare: () => Promise.resolve(0) } },
  // @ts-expect-error nor nothing
  { name: 'b', fileOperations: { mmap: () => undefined } },
];

export function afterMerge(vmg: VmaMerge, vma: VmaHidden): void {
  const merged = vmaMergeNewRange(vmg);
  // @ts-expect-error S1-26: what a merge returns may be NULL, and nothing is set on NULL
  setVmPrivateData(merged, 1);
  // @ts-expect-error S1-26: nor on what an allocation returns
  setVmPrivateData(vmAreaAlloc(vmg.mm), 1);
  setVmPrivateData(vma, 1);
}
