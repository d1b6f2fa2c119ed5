/**
 * Making translations that workers have cached worthless.
 *
 *   writer:  clear entries ; generation + 1 ; wait for stores under way ; free pages
 *   store:   announce the mm ; generation the same? ; store ; announce nothing
 *
 * A store that found the old generation is finished before the flush returns; one that comes
 * later finds the new one. A load looks at the generation again afterwards, and is repeated
 * when it has moved: it needs no announcement.
 *
 * Source: arch/x86/mm/tlb.c, flush_tlb_mm_range(), v6.18, for what it promises.
 */
import * as atomics from '#atomics';
import { FLUSH_WITHOUT_WAIT, STORE_UNANNOUNCED } from '#mutants';
import { IS_SHADOWED, scheduled } from '#shadow';
import { cpuOf, cpusSeen, thisCpu } from '../arena/cpu.ts';
import { C_STORING } from '../arena/layout.ts';
import type { Mm } from '../mm/held.ts';
import { mmTlbGenAt } from '../mm/mm_struct.ts';
import { TLB_FLUSH, trace } from '../trace/events.ts';

/** Returns when no worker can use an old translation of this address space any more. */
export function flushTlbMm(mm: Mm): void {
  // Pairs with beginStore().
  atomics.add(mmTlbGenAt(mm), 1);
  const cpus = cpusSeen();
  trace(TLB_FLUSH, mm, cpus - 1);
  for (let id = 0; id < cpus; id++) {
    const cpu = cpuOf(id);
    if (cpu === thisCpu || FLUSH_WITHOUT_WAIT) continue;
    // A store is a few instructions, so this ends soon, as an interrupt on another CPU would.
    while (atomics.load(cpu + C_STORING) === mm) {
      if (IS_SHADOWED) scheduled()?.rest(cpu + C_STORING, mm);
    }
  }
}

/** Announces a store to this address space: check the generation now, then store. */
export const beginStore = (mm: Mm): void =>
  atomics.store(thisCpu + C_STORING, STORE_UNANNOUNCED ? 0 : mm);
export const endStore = (): void => atomics.store(thisCpu + C_STORING, 0);
