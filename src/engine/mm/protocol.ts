/**
 * How a machine solves what Linux solved in several ways: its protocol. One word of the header for
 * each axis, so that every worker of the machine does it the same way.
 *
 * Each axis names its values with the default first; who does it asks for the number of the value.
 */
import { assert } from '../arena/assert.ts';
import { H_BRK, H_PROTOCOL } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';

const AXES = {
  /** Which of its hooks a driver is asked by when a file is mapped. */
  mmapHook: ['prepare', 'proto', 'legacy'],
  /**
   * What a mapping that fails leaves of what it was to replace: all of it, as long as nothing
   * irreversible was done, or a hole from the driver's hook on, as Linux 6.18 does.
   */
  mapFixedFailure: ['reattach', 'leave-gap'],
  /**
   * What a fork that fails half-way does with its child's tree, which still names VMAs of the
   * parent: empties it before anybody can look, as Linux 7.0, or marks where the child's own end
   * and leaves the rest to exit, as Linux 6.18.
   */
  forkRecovery: ['tree-limit', 'xa-zero'],
  /** How one VMA is locked, and when a freed one is used again: see vma_lock.ts. */
  vmaLock: ['refcnt', 'typesafe', 'rwsem', 'off'],
  /** How much of the sequences readers compare, where the lock has a semaphore: see vma_lock/. */
  vmaLockSeq: ['32-bit', '4-bit'],
  /**
   * Whether the end of reading a VMA is inside an RCU section, where the lock has a semaphore. As
   * posted in January 2023 it was not, and a VMA could be freed under it: only to show that.
   */
  endReadRcu: ['on', 'off'],
  /**
   * Where the link of a free VMA lies, if its memory is used again at once: in a word of its own,
   * or over `vm_start`, which a late reader then must not believe.
   */
  vmaFreePointer: ['apart', 'in-range'],
  /**
   * How MAP_FIXED replaces what is there: by one store, or by unmapping it first, as Linux before
   * 6.12, so that who walks under RCU may find nothing.
   */
  munmap: ['gather', 'two-step'],
  /**
   * What a reader of /proc/PID/maps holds: the lock of one VMA after the other, as Linux 6.17 and
   * later; nothing, copying each VMA under RCU; or mmap_lock, as before.
   */
  mapsReader: ['per-vma', 'rcu', 'mmap-lock'],
} as const;

export type ProtocolAxis = keyof typeof AXES;
export type Protocol = { readonly [Axis in ProtocolAxis]: (typeof AXES)[Axis][number] };

const NAMES = Object.keys(AXES) as ProtocolAxis[];

/** The values of every axis, the default first. */
export const PROTOCOL_AXES: Readonly<Record<ProtocolAxis, readonly string[]>> = AXES;

export const HOOK_PREPARE = 0;
export const HOOK_PROTO = 1;
export const HOOK_LEGACY = 2;

const LOCK_REFCNT = 0;
const LOCK_TYPESAFE = 1;
const LOCK_RWSEM = 2;
const LOCK_OFF = 3;
export const READER_PER_VMA = 0;
export const READER_RCU = 1;
export const READER_MMAP_LOCK = 2;

const MMAP_HOOK_AT = H_PROTOCOL + NAMES.indexOf('mmapHook');
const FORK_RECOVERY_AT = H_PROTOCOL + NAMES.indexOf('forkRecovery');
const MAP_FIXED_FAILURE_AT = H_PROTOCOL + NAMES.indexOf('mapFixedFailure');
const VMA_LOCK_AT = H_PROTOCOL + NAMES.indexOf('vmaLock');
const VMA_LOCK_SEQ_AT = H_PROTOCOL + NAMES.indexOf('vmaLockSeq');
const END_READ_RCU_AT = H_PROTOCOL + NAMES.indexOf('endReadRcu');
const VMA_FREE_POINTER_AT = H_PROTOCOL + NAMES.indexOf('vmaFreePointer');
const MUNMAP_AT = H_PROTOCOL + NAMES.indexOf('munmap');
const MAPS_READER_AT = H_PROTOCOL + NAMES.indexOf('mapsReader');

/** HOOK_* */
export const protocolMmapHook = (): number => word(MMAP_HOOK_AT);
export const protocolMarksFailedFork = (): boolean => word(FORK_RECOVERY_AT) !== 0;
export const protocolLeavesGap = (): boolean => word(MAP_FIXED_FAILURE_AT) !== 0;
export const isTypesafeVmaLock = (): boolean => word(VMA_LOCK_AT) === LOCK_TYPESAFE;
export const isRwsemVmaLock = (): boolean => word(VMA_LOCK_AT) === LOCK_RWSEM;
export const isDefaultVmaLock = (): boolean => word(VMA_LOCK_AT) === LOCK_REFCNT;
export const hasNoVmaLock = (): boolean => word(VMA_LOCK_AT) === LOCK_OFF;
/** The bits of a sequence that readers compare. */
export const protocolLockSeqMask = (): number => (word(VMA_LOCK_SEQ_AT) === 0 ? -1 : 0xf);
export const protocolEndsReadInRcu = (): boolean => word(END_READ_RCU_AT) === 0;
export const protocolLinksInRange = (): boolean => word(VMA_FREE_POINTER_AT) !== 0;
export const protocolUnmapsFirst = (): boolean => word(MUNMAP_AT) !== 0;
/** READER_* */
export const protocolMapsReader = (): number => word(MAPS_READER_AT);

/** Axes that are not given have their defaults. */
export function initProtocol(given: Partial<Protocol>): void {
  assert(H_PROTOCOL + NAMES.length <= H_BRK, 'every axis has a word of its own');
  NAMES.forEach((axis, i) => {
    const values: readonly string[] = AXES[axis];
    setWord(H_PROTOCOL + i, values.indexOf(given[axis] ?? AXES[axis][0]));
  });
}

/** @returns what is wrong with a protocol that came from outside, or null. */
export function refuseProtocol(given: Readonly<Record<string, unknown>>): string | null {
  for (const [axis, value] of Object.entries(given)) {
    const values = PROTOCOL_AXES[axis as ProtocolAxis] as readonly unknown[] | undefined;
    if (values === undefined) return `The protocol has no axis "${axis}": ${NAMES.join(', ')}.`;
    if (value === undefined || values.includes(value)) continue;
    return `The protocol's ${axis} is one of ${values.join(', ')}; it was given another value.`;
  }
  return null;
}

/** @returns how this machine does it. */
export function readProtocol(): Protocol {
  const chosen = NAMES.map((axis, i) => [axis, AXES[axis][word(H_PROTOCOL + i)]]);
  return Object.fromEntries(chosen) as Protocol;
}
