/**
 * The names of a machine's drivers, in the arena: functions cannot be shared between workers, so
 * each worker registers them under a name, and this table says which number a name has here.
 *
 *   0     1      16            32
 *   ┌─────┬──────┬─────────────┬───
 *   │lock │count │ bytes, name │ ...      an entry is written once, before the count includes it
 *   └─────┴──────┴─────────────┴───
 *
 * A number is what an inode and a VMA know their driver by. Numbers below FIRST_DRIVER belong to
 * the drivers that every worker has.
 */
import * as atomics from '#atomics';
import { takeWords } from '../arena/arena.ts';
import { ENOMEM, type Errno } from '../arena/errno.ts';
import { H_DRIVERS } from '../arena/layout.ts';
import { setWord, views, word } from '../arena/memory.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import { DRIVERS_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';

/** Room for the kinds of inode: a kind without a driver cannot be mapped. See inode.ts. */
export const FIRST_DRIVER = 16;
const DRIVERS_MAX = 63;

const LOCK = 0; //  (a)
const COUNT = 1; // (a)
const ENTRY_WORDS = 16;
/** Bytes of UTF-8 that a name may take. */
export const DRIVER_NAME_MAX = (ENTRY_WORDS - 1) * 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const table = (): WordAt => word(H_DRIVERS);
const entryAt = (index: number): WordAt => table() + (index + 1) * ENTRY_WORDS;

/** @returns false when the arena is too small for the table. */
export function initDriverTable(): boolean {
  const at = takeWords((DRIVERS_MAX + 1) * ENTRY_WORDS);
  setWord(H_DRIVERS, at);
  return at !== NULL;
}

/** @returns the number of this name, which is given to it now if it has none; ENOMEM. */
export function driverNumber(name: string): number | Errno {
  const bytes = encoder.encode(name);
  const known = findName(bytes);
  if (known !== null) return known;

  spinLock(table() + LOCK, DRIVERS_LOCK);
  const number = findName(bytes) ?? appendName(bytes);
  spinUnlock(table() + LOCK);
  return number;
}

/** @returns the name of a number at or above FIRST_DRIVER; '' for none. */
export function driverName(number: number): string {
  const index = number - FIRST_DRIVER;
  return index < atomics.load(table() + COUNT) ? decoder.decode(nameAt(index).slice()) : '';
}

/** True when this is the number's name: cheaper than reading it. */
export function isDriverName(number: number, bytes: Uint8Array): boolean {
  const index = number - FIRST_DRIVER;
  if (index >= atomics.load(table() + COUNT)) return false;
  const name = nameAt(index);
  return name.length === bytes.length && name.every((byte, i) => byte === bytes[i]);
}

function findName(bytes: Uint8Array): number | null {
  const count = atomics.load(table() + COUNT);
  for (let index = 0; index < count; index++) {
    if (isDriverName(FIRST_DRIVER + index, bytes)) return FIRST_DRIVER + index;
  }
  return null;
}

function appendName(bytes: Uint8Array): number | Errno {
  const index = atomics.load(table() + COUNT);
  if (index === DRIVERS_MAX) return ENOMEM;
  setWord(entryAt(index), bytes.length);
  views.u8.set(bytes, (entryAt(index) + 1) * 4);
  atomics.store(table() + COUNT, index + 1);
  return FIRST_DRIVER + index;
}

function nameAt(index: number): Uint8Array {
  const at = entryAt(index);
  return views.u8.subarray((at + 1) * 4, (at + 1) * 4 + word(at));
}
