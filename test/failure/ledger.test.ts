/** Planted leaks of each kind: Machine.tearDown() names them, in a checked build with their places. */
import { describe, expect, it } from 'vitest';
import { IS_SHADOWED } from '#shadow';
import { NULL } from '../../src/engine/arena/ref.ts';
import { fget } from '../../src/engine/file/fd_table.ts';
import { inodeNew } from '../../src/engine/file/inode.ts';
import { userfaultfdCtxNew } from '../../src/engine/file/userfaultfd_ctx.ts';
import { xaNodeAlloc } from '../../src/engine/file/xa_node_struct.ts';
import { fillSpares } from '../../src/engine/maple/spares.ts';
import { chargeMemory } from '../../src/engine/mm/accounting.ts';
import type { Mm } from '../../src/engine/mm/held.ts';
import { mmAlloc } from '../../src/engine/mm/mm_refs.ts';
import { allocSignal, type SignalStruct } from '../../src/engine/mm/signal_struct.ts';
import { allocTask } from '../../src/engine/mm/task_struct.ts';
import { vmAreaAlloc } from '../../src/engine/mm/vma_alloc.ts';
import { allocPage } from '../../src/engine/page/page_alloc.ts';
import { leafAlloc } from '../../src/engine/page/table_struct.ts';
import { AVC_CACHE, anonVmaAlloc } from '../../src/engine/rmap/anon_vma_struct.ts';
import { cacheAlloc } from '../../src/engine/slab/cache.ts';
import { textNew } from '../../src/engine/slab/text.ts';
import { allocSighand } from '../../src/engine/task/sighand.ts';
import { Machine } from '../../src/index.ts';

const mm = (): Mm => mmAlloc() as Mm;

/** What is leaked, what the ledger says, and a function that the place names. */
const LEAKS: readonly [kind: string, leak: (machine: Machine) => unknown, says: RegExp[]][] = [
  ['a VMA', () => vmAreaAlloc(mm()), [/1 vm_area_struct/u, /vmAreaAlloc/u]],
  ['a node', () => fillSpares({ spare: NULL, spares: 0 }, 2), [/2 maple_node/u, /fillSpares/u]],
  ['an anon_vma', () => anonVmaAlloc(NULL), [/1 anon_vma\b/u, /anonVmaAlloc/u]],
  ['a link', () => cacheAlloc(AVC_CACHE), [/1 anon_vma_chain/u, /allocated by/u]],
  ['a file', openAndKeep, [/1 file.*1 inode.*1 text/su, /fileOpen.*fileNew/su]],
  ['an inode', () => inodeNew({ kind: 'regular', path: '/f' }), [/1 inode.*1 text/su, /inodeNew/u]],
  ['a page', () => allocPage(), [/1 page\b/u, /allocPage/u]],
  ['page tables', () => leafAlloc(mm(), 0), [/1 mm_struct.*4 page_table/su, /leafMake/u]],
  ['a charge', () => chargeMemory(NULL, 3), [/3 committed pages/u]],
  ['an mm', () => mmAlloc(), [/1 mm_struct/u, /mmAlloc/u]],
  ['a task', () => allocTask(allocSignal() as SignalStruct), [/1 task_struct/u, /allocTask/u]],
  ['what threads share', () => allocSignal(), [/1 signal_struct/u, /allocSignal/u]],
  ['handlers', () => allocSighand(), [/1 sighand_struct/u, /allocSighand/u]],
  ['a process', (machine) => machine.spawn(), [/1 mm_struct.*1 task_struct/su, /execMmap/u]],
  ['a text', () => textNew('a text'), [/1 text/u, /textNew/u]],
  ['a context', () => userfaultfdCtxNew(mm(), 0), [/1 userfaultfd_ctx/u, /userfaultfdCtxNew/u]],
  ['a node of a page cache', () => xaNodeAlloc(0), [/1 xa_node/u, /xaNodeAlloc/u]],
];

function openAndKeep(machine: Machine): void {
  fget(machine.open({ kind: 'regular', path: '/f', size: 4096 }));
}

describe('X-9 the ledger', () => {
  it.each(LEAKS)('X-9 names %s that was leaked', (_kind, leak, [names, place]) => {
    const machine = Machine.create({ bytes: 8 * 2 ** 20 });
    leak(machine);
    const said = thrownBy(() => machine.tearDown());
    expect(said).toMatch(names ?? /never/u);
    if (IS_SHADOWED && place !== undefined) expect(said).toMatch(place);
  });

  it('X-9 says nothing when nothing is left', () => {
    const machine = Machine.create({ bytes: 8 * 2 ** 20 });
    machine.open({ kind: 'regular', path: '/f', size: 4096 });
    const process = machine.spawn();
    process.mmap(0, 4096, 3, 0x22, -1, 0);
    process.exit();
    expect(thrownBy(() => machine.tearDown())).toBe('');
  });
});

function thrownBy(act: () => void): string {
  try {
    act();
    return '';
  } catch (error) {
    return String(error);
  }
}
