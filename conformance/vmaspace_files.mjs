/** The files of the pack, opened in a machine as the header describes them in words. */
import { I_NO_SYNC, I_NOEXEC, PAGE_SIZE } from 'vmaspace';

const FIRST_INO = 1000;
const SEALS = { WRITE: 8, SHRINK: 2, GROW: 4, FUTURE_WRITE: 16 };

/** @returns their descriptors, by file number. */
export function openFiles(machine, notes) {
  const fds = [];
  for (const note of notes) fds.push(openFile(machine, note, fds));
  return fds;
}

/** @returns the number of a file, or less than zero for what is none of them. */
export const fileNumber = (file) => file.ino - FIRST_INO;

function openFile(machine, note, fds) {
  const again = /^f(\d) opened again/u.exec(note);
  const twin = /^dup of f(\d)/u.exec(note);
  if (again !== null) return machine.reopen(fds[again[1]], { readable: true, writable: true });
  if (twin !== null) return machine.dup(fds[twin[1]]);
  const [, pages = 0, less = 0] = /(\d+) pages(?: - (\d+) bytes)?/u.exec(note) ?? [];
  const spec = { ...kindOf(note), readable: true, writable: !note.includes('O_RDONLY') };
  const size = pages * PAGE_SIZE - less;
  const contents = spec.kind === 'secretmem' ? undefined : contentsOf(fds.length, size);
  return machine.open({ ...spec, path: note, size, ino: FIRST_INO + fds.length, contents });
}

function kindOf(note) {
  if (note.startsWith('memfd_secret')) return { kind: 'secretmem', flags: I_NOEXEC };
  if (note.startsWith('regular')) return { kind: 'regular', flags: I_NO_SYNC };
  if (note === '/dev/zero') return { kind: 'zero' };
  const names = /seals? ([A-Z_|]+)/u.exec(note)?.[1].split('|') ?? [];
  return { kind: 'shmem', seals: names.reduce((bits, name) => bits | SEALS[name], 0) };
}

/** Page k of file i begins with the word 0xF000000000000000 | i << 32 | k. */
function contentsOf(file, size) {
  const view = new DataView(new ArrayBuffer(size));
  for (let page = 0; page * PAGE_SIZE < size; page++) {
    const word = 0xf000000000000000n | (BigInt(file) << 32n) | BigInt(page);
    view.setBigUint64(page * PAGE_SIZE, word, true);
  }
  return new Uint8Array(view.buffer);
}
