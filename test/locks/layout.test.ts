/** Where the fields of a VMA lie, found by writing each and looking which words have changed. */
import { expect, it } from 'vitest';
import { setWord, word } from '../../src/engine/arena/memory.ts';
import type { Mm, VmaHidden } from '../../src/engine/mm/held.ts';
import type { VmFlags } from '../../src/engine/mm/vm_flags.ts';
import { vmAreaAlloc, vmAreaFree } from '../../src/engine/mm/vma_alloc.ts';
import {
  type AnonVma,
  type AnonVmaChain,
  type File,
  setVmAnonName,
  setVmAnonVma,
  setVmAnonVmaChain,
  setVmCaching,
  setVmFile,
  setVmFlags,
  setVmMm,
  setVmOps,
  setVmPgoff,
  setVmPolicy,
  setVmPrivateData,
  setVmRange,
  setVmUserfaultfdCtx,
  type UserfaultfdCtx,
  vmAttachedAt,
  VMA_CACHE,
  VMA_CACHE_LINKED_IN_RANGE,
  vmLockAt,
  vmLockSeqAt,
  vmMm,
  vmRefcntAt,
  vmSharedRbAt,
} from '../../src/engine/mm/vma_struct.ts';
import type { Text } from '../../src/engine/slab/text.ts';
import { mmOf } from '../pictures.ts';
import { GENERATIONS, machineOf, type Form } from './forms.ts';

const LINE_BYTES = 64;
/** Of a node of an interval tree. */
const RB_WORDS = 10;
const ODD = 0x5a5a5a5a;

/** Every field but the lock, with what changes all of its words. */
const FIELDS: Readonly<Record<string, (vma: VmaHidden) => void>> = {
  vm_start: (vma) => setVmRange(vma, -Math.PI, 0),
  vm_end: (vma) => setVmRange(vma, 0, -Math.PI),
  vm_pgoff: (vma) => setVmPgoff(vma, -Math.PI),
  vm_flags: (vma) => setVmFlags(vma, -Math.PI as VmFlags),
  vm_mm: (vma) => setVmMm(vma, ODD as Mm),
  vm_file: (vma) => setVmFile(vma, ODD as File),
  anon_vma: (vma) => setVmAnonVma(vma, ODD as AnonVma),
  anon_vma_chain: (vma) => setVmAnonVmaChain(vma, ODD as AnonVmaChain),
  vm_ops: (vma) => setVmOps(vma, ODD),
  vm_policy: (vma) => setVmPolicy(vma, ODD),
  anon_name: (vma) => setVmAnonName(vma, ODD as Text),
  vm_userfaultfd_ctx: (vma) => setVmUserfaultfdCtx(vma, ODD as UserfaultfdCtx),
  'shared.rb': (vma) => {
    for (let i = 0; i < RB_WORDS; i++) setWord(vmSharedRbAt(vma) + i, ODD);
  },
  vm_private_data: (vma) => setVmPrivateData(vma, ODD),
  vm_page_prot: (vma) => setVmCaching(vma, ODD),
};

const LOCKS: Readonly<Record<Form['vmaLock'], Readonly<Record<string, typeof vmLockAt>>>> = {
  refcnt: { vm_refcnt: vmRefcntAt, vm_lock_seq: vmLockSeqAt },
  typesafe: { vm_lock: vmLockAt, vm_lock_seq: vmLockSeqAt, attached: vmAttachedAt },
  rwsem: { vm_lock: vmLockAt, vm_lock_seq: vmLockSeqAt, attached: vmAttachedAt },
  off: {},
};

const READ_BY_A_FAULT = new Set(['vm_start', 'vm_end', 'vm_pgoff', 'vm_flags', 'vm_mm', 'vm_file']);

/** @returns the bytes of the record that `act` changes: the first, and how many. */
function changed(vma: VmaHidden, act: () => void): [offset: number, bytes: number] {
  for (let i = 0; i < VMA_CACHE.words; i++) setWord(vma + i, 0);
  act();
  const words = Array.from({ length: VMA_CACHE.words }, (_, i) => i);
  const hit = words.filter((i) => word(vma + i) !== 0);
  return [(hit[0] ?? -1) * 4, hit.length * 4];
}

it.each(GENERATIONS)('S2-4 S4-13 the record of a VMA with the lock %s, in bytes', (vmaLock) => {
  const machine = machineOf({ vmaLock });
  const process = machine.spawn();
  const vma = vmAreaAlloc(mmOf(process)) as VmaHidden;
  const mm = vmMm(vma);
  const saved = Array.from({ length: VMA_CACHE.words }, (_, i) => word(vma + i));
  const rows: [field: string, offset: number, bytes: number][] = [];
  const find = (name: string, write: () => void): void => {
    const [offset, bytes] = changed(vma, write);
    rows.push([name, offset, bytes]);
  };
  for (const [name, write] of Object.entries(FIELDS)) find(name, () => write(vma));
  for (const [name, where] of Object.entries(LOCKS[vmaLock])) {
    find(name, () => setWord(where(vma), ODD));
  }
  rows.sort((a, b) => a[1] - b[1]);
  console.log(`vm_area_struct, ${vmaLock}: ${VMA_CACHE.words * 4} bytes`);
  console.table(rows.map(([field, offset, bytes]) => ({ field, offset, bytes })));

  for (const [i, [name, offset, bytes]] of rows.entries()) {
    const next = rows[i + 1]?.[1] ?? VMA_CACHE.words * 4;
    expect(bytes, name).toBeGreaterThan(0);
    expect(offset + bytes, `${name} ends before the next field`).toBeLessThanOrEqual(next);
    if (READ_BY_A_FAULT.has(name)) expect(offset, name).toBeLessThan(LINE_BYTES);
    if (name in LOCKS[vmaLock]) expect(offset, name).toBeGreaterThanOrEqual(LINE_BYTES);
  }
  // The free link is no field of a live VMA: a reader of a free one sees its range as it was.
  const fields = rows.map(([, offset]) => offset / 4);
  expect(fields).not.toContain(VMA_CACHE.link);
  // With the switch vmaFreePointer it is the range, and the word it had is nobody's.
  expect(VMA_CACHE_LINKED_IN_RANGE.link * 4).toBe(rows.find(([name]) => name === 'vm_start')?.[1]);
  const used = rows.reduce((sum, [, , bytes]) => sum + bytes, 0);
  console.log(`used: ${used} bytes, ${used + 4} with a link of its own while it is free`);

  saved.forEach((value, i) => setWord(vma + i, value));
  expect(vmMm(vma)).toBe(mm);
  vmAreaFree(vma);
  process.exit();
  machine.tearDown();
});
