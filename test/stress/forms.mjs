// The generations that are stressed: how a VMA is locked, how it is replaced, how maps is read.
import { PROTOCOL_AXES } from '../../dist/index.js';

const AXES = ['vmaLock', 'munmap', 'mapsReader'];

/** Every form, the default first; those with a semaphore also with sequences that wrap. */
export const FORMS = [
  ...PROTOCOL_AXES.vmaLock.flatMap((vmaLock) =>
    PROTOCOL_AXES.munmap.flatMap((munmap) =>
      PROTOCOL_AXES.mapsReader.map((mapsReader) => ({ vmaLock, munmap, mapsReader })),
    ),
  ),
  { vmaLock: 'rwsem', munmap: 'gather', mapsReader: 'per-vma', vmaLockSeq: '4-bit' },
  { vmaLock: 'typesafe', munmap: 'gather', mapsReader: 'per-vma', vmaLockSeq: '4-bit' },
];

export const nameOf = (form) => Object.values(form).join(',');

/** @returns the form of this name, or those that have all of these values; none for another. */
export function formsWith(text) {
  const named = FORMS.filter((form) => nameOf(form) === text);
  if (named.length > 0) return named;
  const values = text.split(',');
  return FORMS.filter((form) => values.every((value) => Object.values(form).includes(value)));
}

/** Other axes come along: one machine after the other has another value. */
export function protocolOf(form, index) {
  const axis = (name) => PROTOCOL_AXES[name][index % PROTOCOL_AXES[name].length];
  return { ...form, mmapHook: axis('mmapHook'), forkRecovery: axis('forkRecovery') };
}

export const axesText = () => AXES.map((axis) => PROTOCOL_AXES[axis].join(' | ')).join(', ');
