/** The files of a vector, opened in a machine as its header describes them. */
import {
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  I_HUGE_ALIGN,
  I_NO_SYNC,
  I_NOEXEC,
  I_OWNED,
  isErr,
  type FileSpec,
  type Machine,
  PAGE_SIZE,
} from '../../index.ts';
import { VectorError } from './vector.ts';

/** Inode numbers of the files; what is not here is a shared anonymous object. */
const FIRST_INO = 1_000_000;
const SEALS: Readonly<Record<string, number>> = {
  WRITE: F_SEAL_WRITE,
  SHRINK: F_SEAL_SHRINK,
  GROW: F_SEAL_GROW,
  FUTURE_WRITE: F_SEAL_FUTURE_WRITE,
};

export class VectorFiles {
  readonly #fds: number[] = [];

  /** @throws VectorError for a description that is not known. */
  constructor(machine: Machine, descriptions: readonly string[]) {
    for (const [number, description] of descriptions.entries()) {
      const fd = this.#open(machine, number, description);
      if (isErr(fd)) throw new VectorError(`file ${number} could not be opened in the machine`);
      this.#fds.push(fd);
    }
  }

  /** The descriptor of a file number; -1 for none. */
  fd(number: number): number {
    return this.#fds[number] ?? -1;
  }

  /** The file number that an inode belongs to, or null. */
  numberOf(ino: number): number | null {
    const number = ino - FIRST_INO;
    return number >= 0 && number < this.#fds.length ? number : null;
  }

  #open(machine: Machine, number: number, description: string): number {
    const again = /^(?:f(\d+) opened again|(dup) of f(\d+))/u.exec(description);
    if (again !== null) {
      const original = this.fd(Number(again[1] ?? again[3]));
      return again[2] === undefined
        ? machine.reopen(original, { readable: true, writable: true })
        : machine.dup(original);
    }
    const spec = fileSpec(description);
    const contents = hasContents(spec) ? contentsOf(number, spec.size ?? 0) : undefined;
    return machine.open({ ...spec, ino: FIRST_INO + number, ...(contents && { contents }) });
  }
}

const hasContents = ({ kind }: FileSpec): boolean => kind === 'shmem' || kind === 'regular';

/** Page k of file i begins with a word that says so. */
function contentsOf(file: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (let page = 0; page * PAGE_SIZE < size; page++) {
    const word = 0xf000000000000000n | (BigInt(file) << 32n) | BigInt(page);
    view.setBigUint64(page * PAGE_SIZE, word, true);
  }
  return bytes;
}

function fileSpec(description: string): FileSpec {
  const access = { readable: true, writable: !description.includes('O_RDONLY') };
  const size = sizeOf(description);
  if (description.startsWith('memfd_secret')) {
    return {
      kind: 'secretmem',
      path: '/secretmem (deleted)',
      size,
      flags: I_NOEXEC | I_OWNED,
      ...access,
    };
  }
  if (description.startsWith('memfd')) {
    const seals = sealsOf(description);
    return { kind: 'shmem', path: '/memfd:f (deleted)', devMinor: 1, size, seals, ...access };
  }
  if (description.startsWith('regular file')) {
    return {
      kind: 'regular',
      path: '/file',
      size,
      flags: I_NO_SYNC | I_HUGE_ALIGN | I_OWNED,
      ...access,
    };
  }
  if (description === '/dev/zero')
    return { kind: 'zero', path: '/dev/zero', devMinor: 5, ...access };
  throw new VectorError(`line 1: no such file is known: "${description}"`);
}

/** "8 pages - 1000 bytes" and the like. */
function sizeOf(description: string): number {
  const pages = /(\d+) pages/u.exec(description);
  const bytes = /pages - (\d+) bytes/u.exec(description);
  return Number(pages?.[1] ?? 0) * PAGE_SIZE - Number(bytes?.[1] ?? 0);
}

function sealsOf(description: string): number {
  const names = /seals? ([A-Z_|]+)/u.exec(description)?.[1]?.split('|') ?? [];
  return names.reduce((bits, name) => bits | (SEALS[name] ?? 0), 0);
}
