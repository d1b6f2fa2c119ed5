/**
 * A driver's table of VMA operations in the hands of the engine: whatever a function of it throws
 * or returns, the caller gets what the table's type promises.
 */
import { type Errno, isErr } from '../arena/errno.ts';
import type { Vma, VmaWrite } from '../mm/held.ts';
import { vmMm } from '../mm/vma_struct.ts';
import { framesUsed, type Page, pageOf, pageRefcount, pfnOf } from '../page/page_struct.ts';
import {
  FAULT_HWPOISON,
  FAULT_NOPAGE,
  FAULT_OOM,
  FAULT_RETRY,
  FAULT_SIGBUS,
  FAULT_SIGSEGV,
  type FaultError,
} from '../page/vm_fault.ts';
import { VIOLATED_RESULT } from '../trace/verdict.ts';
import type { Driver } from './driver.ts';
import { callDriver, tellDriver } from './driver_call.ts';
import { reportDriverFault } from './driver_fault.ts';
import type { MapVisit } from './filemap.ts';
import type { PageSpan } from './page_cache.ts';
import type { VmOperations } from './vm_ops.ts';

const FAULTS: ReadonlySet<unknown> = new Set([
  FAULT_OOM,
  FAULT_SIGBUS,
  FAULT_HWPOISON,
  FAULT_SIGSEGV,
  FAULT_NOPAGE,
  FAULT_RETRY,
]);

/** @returns a table that has the functions which `table` has now, and throws nothing. */
export function guardVmOperations(table: VmOperations, { name: driver }: Driver): VmOperations {
  const callOf = (vma: Vma, hook: string): { driver: string; hook: string; mm: number } => ({
    driver,
    hook,
    mm: vmMm(vma),
  });
  const telling =
    (hook: 'open' | 'close' | 'mapped') =>
    (vma: VmaWrite): void =>
      tellDriver(callOf(vma, hook), () => table[hook]?.(vma));

  /** A fault's result lies outside what errnos are, so it is carried past callDriver(). */
  const faulting = (vma: Vma, hook: string, body: () => unknown): Page | FaultError => {
    let result: unknown = 0;
    const thrown = callDriver(callOf(vma, hook), () => {
      result = body();
      return 0;
    });
    if (isErr(thrown)) return FAULT_SIGBUS;
    if (FAULTS.has(result)) return result as FaultError;
    if (isPageOrNone(result)) return result;
    const fault = { ...callOf(vma, hook), violation: VIOLATED_RESULT, what: typeof result };
    reportDriverFault({ ...fault, thrown: null }, vmMm(vma));
    return FAULT_SIGBUS;
  };

  return {
    name: table.name,
    ...(table.open && { open: telling('open') }),
    ...(table.close && { close: telling('close') }),
    ...(table.mapped && { mapped: telling('mapped') }),
    ...(table.maySplit && {
      maySplit: (vma: Vma, addr: number): 0 | Errno =>
        callDriver(callOf(vma, 'maySplit'), () => table.maySplit?.(vma, addr)),
    }),
    ...(table.fault && {
      fault: (vma: Vma, pgoff: number, flags: number): Page | FaultError => {
        const page = faulting(vma, 'fault', () => table.fault?.(vma, pgoff, flags));
        return (page as number) === 0 ? FAULT_SIGBUS : page;
      },
    }),
    ...(table.mapPages && {
      mapPages: (vma: Vma, span: PageSpan, visit: MapVisit): void =>
        tellDriver(callOf(vma, 'mapPages'), () => table.mapPages?.(vma, span, visit)),
    }),
    ...(table.pageMkwrite && {
      pageMkwrite: (vma: Vma, page: Page): 0 | FaultError => {
        const refused = faulting(vma, 'pageMkwrite', () => table.pageMkwrite?.(vma, page));
        return (refused as number) > 0 ? FAULT_SIGBUS : (refused as 0 | FaultError);
      },
    }),
  };
}

/** A page that somebody holds, or 0: a check against mistakes, not malice. */
function isPageOrNone(value: unknown): value is Page {
  if (value === 0) return true;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) return false;
  const pfn = pfnOf(value as Page);
  if (pfn <= 0 || pfn >= framesUsed() || pageOf(pfn) !== value) return false;
  return pageRefcount(value as Page) > 0;
}
