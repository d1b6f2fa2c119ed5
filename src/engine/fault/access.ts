/**
 * Loads and stores, as a CPU makes them: through the TLB, else through the page tables, else
 * by a fault.
 *
 * A load that was overtaken by a flush is repeated; a store announces itself, so that the
 * flush waits for it (page/tlb_flush.ts).
 */
import { LOAD_UNCHECKED } from '#mutants';
import { views as shared } from '../arena/memory.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import type { Mm } from '../mm/held.ts';
import { isTlbCurrent, tlbRead, tlbWrite } from '../page/tlb.ts';
import { beginStore, endStore } from '../page/tlb_flush.ts';
import { type Access, type FaultCode, walkOrFault } from './user_fault.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

/** Bytes of a load or a store that is one number. */
export type Width = 1 | 2 | 4;

const inPage = (addr: number): number => addr & (PAGE_SIZE - 1);

/** @returns the word of the frame that holds `addr`; or a FaultCode, which is negative. */
function frameToRead(mm: Mm, addr: number): WordAt | FaultCode {
  const frame = tlbRead(mm, addr);
  return frame === NULL ? walkOrFault(mm, addr, 'read') : frame;
}

function frameToWrite(mm: Mm, addr: number): WordAt | FaultCode {
  const frame = tlbWrite(mm, addr);
  return frame === NULL ? walkOrFault(mm, addr, 'write') : frame;
}

/** Loads an unsigned number. @returns it, or a FaultCode, which is negative. */
export function loadNumber(mm: Mm, addr: number, width: Width): number {
  if (inPage(addr) > PAGE_SIZE - width) return loadAcross(mm, addr, width);
  // Repeated only when a flush came between: somebody else made progress.
  for (;;) {
    const frame = frameToRead(mm, addr);
    if (frame < 0) return frame;
    const value = numberAt(frame * 4 + inPage(addr), width);
    if (isTlbCurrent(mm) || LOAD_UNCHECKED) return value;
  }
}

/** Byte by byte, as two pages take part. */
function loadAcross(mm: Mm, addr: number, width: Width): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) {
    const byte = loadNumber(mm, addr + i, 1);
    if (byte < 0) return byte;
    value = value * 256 + byte;
  }
  return value;
}

function numberAt(at: number, width: Width): number {
  if (width === 4 && (at & 3) === 0) return (views.i32[at >> 2] ?? 0) >>> 0;
  const { u8 } = views;
  if (width === 1) return u8[at] ?? 0;
  const low = (u8[at] ?? 0) | ((u8[at + 1] ?? 0) << 8);
  if (width === 2) return low;
  return (low | ((u8[at + 2] ?? 0) << 16) | ((u8[at + 3] ?? 0) << 24)) >>> 0;
}

/** Stores the low bytes of a whole number. Across two pages, both must be writable first. */
export function storeNumber(
  mm: Mm,
  addr: number,
  { value, width }: { value: number; width: Width },
): FaultCode {
  if (inPage(addr) > PAGE_SIZE - width) return storeAcross(mm, addr, { value, width });
  for (;;) {
    const frame = frameToWrite(mm, addr);
    if (frame < 0) return frame as FaultCode;
    beginStore(mm);
    const isCurrent = isTlbCurrent(mm);
    if (isCurrent) putNumber(frame * 4 + inPage(addr), value, width);
    endStore();
    if (isCurrent) return 0;
  }
}

function storeAcross(
  mm: Mm,
  addr: number,
  { value, width }: { value: number; width: Width },
): FaultCode {
  const last = frameToWrite(mm, addr + width - 1);
  if (last < 0) return last as FaultCode;
  for (let i = 0; i < width; i++) {
    const byte = Math.floor(value / 256 ** i) & 255;
    const code = storeNumber(mm, addr + i, { value: byte, width: 1 });
    if (code !== 0) return code;
  }
  return 0;
}

function putNumber(at: number, value: number, width: Width): void {
  const { u8 } = views;
  if (width === 4 && (at & 3) === 0) {
    views.i32[at >> 2] = value;
    return;
  }
  u8[at] = value;
  if (width === 1) return;
  u8[at + 1] = value >> 8;
  if (width === 2) return;
  u8[at + 2] = value >> 16;
  u8[at + 3] = value >> 24;
}

/** Loads 8 bytes. @returns them unsigned, or a FaultCode, which is negative. */
export function loadWord64(mm: Mm, addr: number): bigint {
  if ((addr & 7) !== 0) return loadUnaligned64(mm, addr);
  for (;;) {
    const frame = frameToRead(mm, addr);
    if (frame < 0) return BigInt(frame);
    const value = views.u64[(frame * 4 + inPage(addr)) / 8] ?? 0n;
    if (isTlbCurrent(mm)) return value;
  }
}

function loadUnaligned64(mm: Mm, addr: number): bigint {
  const high = loadNumber(mm, addr + 4, 4);
  const low = loadNumber(mm, addr, 4);
  const failed = low < 0 ? low : high;
  return failed < 0 ? BigInt(failed) : (BigInt(high) << 32n) | BigInt(low);
}

/** Stores 8 bytes. */
export function storeWord64(mm: Mm, addr: number, value: bigint): FaultCode {
  if ((addr & 7) !== 0) return storeUnaligned64(mm, addr, value);
  for (;;) {
    const frame = frameToWrite(mm, addr);
    if (frame < 0) return frame as FaultCode;
    beginStore(mm);
    const isCurrent = isTlbCurrent(mm);
    if (isCurrent) views.u64[(frame * 4 + inPage(addr)) / 8] = value;
    endStore();
    if (isCurrent) return 0;
  }
}

function storeUnaligned64(mm: Mm, addr: number, value: bigint): FaultCode {
  const last = frameToWrite(mm, addr + 7);
  if (last < 0) return last as FaultCode;
  const low = storeNumber(mm, addr, { value: Number(value & 0xffffffffn), width: 4 });
  if (low !== 0) return low;
  const high = Number((value >> 32n) & 0xffffffffn);
  return storeNumber(mm, addr + 4, { value: high, width: 4 });
}

/** Where a copy between the address space and bytes outside it stands. */
export interface Transfer {
  readonly bytes: Uint8Array;
  /** Bytes done. */
  done: number;
}

/** Copies out of the address space until the bytes are full. @returns 0, or why it stopped. */
export function readBytes(mm: Mm, addr: number, transfer: Transfer): FaultCode {
  const { bytes } = transfer;
  while (transfer.done < bytes.length) {
    const at = addr + transfer.done;
    const length = Math.min(PAGE_SIZE - inPage(at), bytes.length - transfer.done);
    const frame = frameToRead(mm, at);
    if (frame < 0) return frame as FaultCode;
    const from = frame * 4 + inPage(at);
    bytes.set(views.u8.subarray(from, from + length), transfer.done);
    if (isTlbCurrent(mm)) transfer.done += length;
  }
  return 0;
}

/** Copies into the address space until the bytes are used up. @returns 0, or why it stopped. */
export function writeBytes(mm: Mm, addr: number, transfer: Transfer): FaultCode {
  const { bytes } = transfer;
  while (transfer.done < bytes.length) {
    const at = addr + transfer.done;
    const length = Math.min(PAGE_SIZE - inPage(at), bytes.length - transfer.done);
    const frame = frameToWrite(mm, at);
    if (frame < 0) return frame as FaultCode;
    beginStore(mm);
    const isCurrent = isTlbCurrent(mm);
    if (isCurrent) {
      views.u8.set(bytes.subarray(transfer.done, transfer.done + length), frame * 4 + inPage(at));
    }
    endStore();
    if (isCurrent) transfer.done += length;
  }
  return 0;
}

/** Touches one byte. @returns 0, or the signal. */
export function touchByte(mm: Mm, addr: number, access: Access): FaultCode {
  if (access === 'write') return Math.min(frameToWrite(mm, addr), 0) as FaultCode;
  if (access === 'read') return Math.min(frameToRead(mm, addr), 0) as FaultCode;
  return Math.min(walkOrFault(mm, addr, access), 0) as FaultCode;
}
