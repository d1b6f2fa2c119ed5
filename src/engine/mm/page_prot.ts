/**
 * vm_page_prot: what the pages of a VMA allow, and how they are cached.
 *
 *   bit  5 4      3       2     1      0
 *        caching  shared  exec  write  read
 *
 * The low half always follows from the VMA's flags; only the caching is kept in the VMA.
 *
 * Source: mm/mmap.c, vm_get_page_prot(), arch/x86/include/asm/pgtable.h, v6.18.
 */
import type { VmFlags } from './vm_flags.ts';

declare const pageProt: unique symbol;
export type PageProt = number & { readonly [pageProt]: true };

const ACCESS = 0xf;
const CACHING_SHIFT = 4;
const WRITE_COMBINE = 1;
const NONCACHED = 2;
const PROT_MAX = 0x2f;

/** The protection of ordinary, cached memory with these flags. */
export const vmGetPageProt = (flags: VmFlags): PageProt => (flags & ACCESS) as PageProt;

export const pgprotWritecombine = (prot: PageProt): PageProt => withCaching(prot, WRITE_COMBINE);
export const pgprotNoncached = (prot: PageProt): PageProt => withCaching(prot, NONCACHED);

/** 0: cached like other memory. */
export const pgprotCaching = (prot: PageProt): number => prot >> CACHING_SHIFT;

export const isPageProt = (value: unknown): value is PageProt =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= PROT_MAX;

/** The protection of a VMA that has these flags and this caching. */
export const pageProtOf = (flags: VmFlags, caching: number): PageProt =>
  withCaching(vmGetPageProt(flags), caching);

const withCaching = (prot: PageProt, caching: number): PageProt =>
  ((prot & ACCESS) | (caching << CACHING_SHIFT)) as PageProt;
