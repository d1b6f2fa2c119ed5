/** Which opening of which file a descriptor of the log means, and the engine's file for it. */
import {
  EACCES,
  EBADF,
  ENODEV,
  EPERM,
  type FileSpec,
  I_CACHED,
  I_HUGE_ALIGN,
  I_NO_SYNC,
  I_NOEXEC,
  type InodeKind,
  isErr,
  type Machine,
  PROT_WRITE,
} from '../../index.ts';
import type { MapCall } from '../strace/memory_call.ts';
import type { FileIdentity } from './recording.ts';
import { isAnonymous, isFixed, isShared } from './run_call.ts';

type Mmap = Extract<MapCall, { name: 'mmap' }>;

/** Larger than any offset of a mapping: no page is beyond its end. */
const SIZE_UNKNOWN = 2 ** 52;
const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_WRONLY = 1;

/** One open() of a file; descriptors and mappings refer to it. */
export class Opening {
  readonly path: string | null;
  /** O_*, or null when the log does not show the call that opened it. */
  readonly flags: number | null;
  /** How it was opened, as far as the answers tell. */
  access: FileAccess | null = null;
  /** The machine's descriptor, once it is needed. */
  machineFd = -1;
  /** F_SEAL_* */
  seals = 0;
  /** Bytes, or null when unknown. */
  size: number | null = null;
  /** Descriptors of the log that mean it. */
  users = 1;

  constructor(path: string | null, flags: number | null) {
    this.path = path;
    this.flags = flags;
  }
}

/** What a machine's files look like; learned while the log is replayed. */
export class FileWorld {
  readonly machine: Machine;
  readonly #identities: ReadonlyMap<string, FileIdentity>;
  /** File systems that do not align large mappings, by device. */
  readonly #unaligned = new Set<string>();
  /** Bytes of System V segments, by identifier. */
  readonly shmSizes = new Map<number, number>();
  /** Openings of which something had to be concluded from the answers. */
  inferred = 0;

  constructor(machine: Machine, identities: ReadonlyMap<string, FileIdentity>) {
    this.machine = machine;
    this.#identities = identities;
  }

  identityOf(path: string): FileIdentity | undefined {
    return this.#identities.get(path);
  }

  /** Whether mappings of files on the file system of `path` are aligned to huge pages. */
  setAligned(path: string, isAligned: boolean): void {
    if (isAligned) this.#unaligned.delete(this.#deviceOf(path));
    else this.#unaligned.add(this.#deviceOf(path));
  }

  isAligned(path: string): boolean {
    return !this.#unaligned.has(this.#deviceOf(path));
  }

  #deviceOf(path: string): string {
    const identity = this.#identities.get(path);
    if (identity !== undefined) return `${identity.devMajor}:${identity.devMinor}`;
    return path.split('/').slice(0, 2).join('/');
  }

  /**
   * Opens a file that needs no evidence: one that a program starts with. @returns -1 without room.
   */
  openFile(
    path: string,
    identity: Partial<FileIdentity> = this.#identities.get(path) ?? {},
  ): number {
    return this.#open({ ...this.#specOf(path), ...identity, readable: true, writable: false });
  }

  /**
   * Opens the file of an mmap. What the log does not show of it - how it was opened, whether it
   * can be mapped at all - is concluded from the kernel's answer.
   */
  openFor(opening: Opening, call: Mmap, answer: number | null): number {
    // How a file was opened only matters to those who share it, or are refused.
    const isDecided = opening.flags !== null || (!isShared(call.flags) && (answer ?? 0) >= 0);
    if (!isDecided) this.inferred++;
    const path = opening.path ?? '(a file the log does not name)';
    const spec = this.#specOf(path);
    const { readable, writable } = accessOf(opening, call, answer);
    opening.access = { readable, writable };
    const kind = answer === ENODEV ? 'directory' : spec.kind;
    const noexec = answer === EPERM ? I_NOEXEC : 0;
    const size = opening.size ?? SIZE_UNKNOWN;
    const flags = spec.flags | noexec;
    return this.#open({
      ...spec,
      ...this.#identities.get(path),
      kind,
      flags,
      size,
      seals: opening.seals,
      readable,
      writable,
    });
  }

  #open(spec: FileSpec): number {
    const fd = this.machine.open(spec);
    return isErr(fd) ? -1 : fd;
  }

  #specOf(path: string): FileSpec & { readonly flags: number } {
    const kind = kindOf(path);
    const isHuge = kind === 'regular' && this.isAligned(path);
    // What programs map was read before, by them or by others; shared memory begins empty.
    const cached = kind === 'regular' ? I_CACHED : 0;
    const flags = I_NO_SYNC | cached | (isHuge ? I_HUGE_ALIGN : 0);
    return { kind, path, size: SIZE_UNKNOWN, flags };
  }
}

function kindOf(path: string): InodeKind {
  if (/^\/(memfd:|dev\/shm\/|SYSV)/.test(path)) return 'shmem';
  if (path === '/dev/zero') return 'zero';
  return path.startsWith('/secretmem') ? 'secretmem' : 'regular';
}

/** Whether an answer fits what was concluded before; if not, the file was opened anew. */
function isPossible({ flags, access }: Opening, call: Mmap, answer: number | null): boolean {
  if (flags !== null || access === null) return true;
  const writes = isShared(call.flags) && (Number(call.prot) & PROT_WRITE) !== 0;
  if (answer === EACCES) return writes ? !access.writable : !access.readable;
  return (answer ?? 0) < 0 || (access.readable && (access.writable || !writes));
}

interface FileAccess {
  readonly readable: boolean;
  readonly writable: boolean;
}

function accessOf(opening: Opening, call: Mmap, answer: number | null): FileAccess {
  if (opening.flags !== null) {
    const mode = opening.flags & O_ACCMODE;
    return { readable: mode !== O_WRONLY, writable: mode !== O_RDONLY };
  }
  const wantsWrite = (Number(call.prot) & PROT_WRITE) !== 0;
  if (answer === EACCES) return { readable: wantsWrite && isShared(call.flags), writable: false };
  // Who maps a file shared without writing has nearly always opened it for reading only.
  return { readable: true, writable: wantsWrite || !isShared(call.flags) };
}

/** The descriptors of one process, or of several that share them (CLONE_FILES). */
export class FileTable {
  readonly #world: FileWorld;
  readonly #openings: Map<number, Opening>;
  /** Line in which the call that made a descriptor came back. */
  readonly #since = new Map<number, number>();
  users = 1;

  constructor(world: FileWorld, openings: Map<number, Opening> = new Map()) {
    this.#world = world;
    this.#openings = openings;
  }

  copy(): FileTable {
    for (const opening of this.#openings.values()) opening.users++;
    return new FileTable(this.#world, new Map(this.#openings));
  }

  get(fd: number): Opening | undefined {
    return this.#openings.get(fd);
  }

  /** @param line in which the log shows it. */
  set(fd: number, opening: Opening, line = 0): void {
    this.#remove(fd);
    this.#openings.set(fd, opening);
    this.#since.set(fd, line);
  }

  alias(from: number, to: number, line: number): void {
    const opening = this.#openings.get(from);
    if (opening === undefined || from === to) return;
    opening.users++;
    this.set(to, opening, line);
  }

  /**
   * A number is free as soon as close() begins: what another thread has opened under it before that
   * call came back stays.
   *
   * @param begun line of the call.
   */
  close(fd: number, begun: number): void {
    if ((this.#since.get(fd) ?? 0) <= begun) this.#remove(fd);
  }

  #remove(fd: number): void {
    const opening = this.#openings.get(fd);
    if (opening === undefined) return;
    this.#openings.delete(fd);
    this.put(opening);
  }

  /** What is left after an exec: the log seldom tells, and a name on the next use decides. */
  clear(): void {
    for (const opening of this.#openings.values()) this.put(opening);
    this.#openings.clear();
  }

  /** One user less: a descriptor, or a call that waits. */
  put(opening: Opening): void {
    opening.users--;
    if (opening.users > 0 || opening.machineFd < 0) return;
    this.#world.machine.close(opening.machineFd);
    opening.machineFd = -1;
  }

  /** @returns the machine's descriptor for an mmap; -1 for none. */
  forMmap(call: Mmap, answer: number | null): { fd: number; opening: Opening | null } {
    if (call.fd === null || isAnonymous(call.flags) || answer === EBADF)
      return { fd: -1, opening: null };
    const opening = this.#openingOf(call, answer);
    if (opening.machineFd < 0) opening.machineFd = this.#world.openFor(opening, call, answer);
    return { fd: opening.machineFd, opening };
  }

  #openingOf(call: Mmap, answer: number | null): Opening {
    const { fd, path } = call.fd ?? { fd: -1, path: null };
    const known = this.#openings.get(fd);
    // Without a name, the first part of a library is the one that asks for any place.
    const isSame =
      path === null ? known?.flags !== null || isFixed(call.flags) : known?.path === path;
    if (known !== undefined && isSame && isPossible(known, call, answer)) return known;
    const opening = new Opening(path, null);
    this.set(fd, opening);
    return opening;
  }
}
