/**
 * Two address spaces that begin alike: a process of the live kernel, and one of ours that was given
 * the kernel's own list of VMAs. Every call is made in both.
 */
import { readFileSync, statSync } from 'node:fs';
import { getuid } from 'node:process';
import { Kernel } from '../src/lab/oracle/kernel.ts';
import { type SmapsVma, parseSmaps } from '../src/lab/oracle/vmas.ts';
import {
  type FileSpec,
  type InitialVma,
  Machine,
  type MmLayout,
  type Process,
  type Protocol,
  RLIMIT_MEMLOCK,
  type VmFlags,
  vmFlagsOfText,
} from '../src/index.ts';

const PAGE = 4096;

/** The kernel's build, as the reference says it is. */
const SYSCTL = { anon_vma_name: 0, swap: 1, ksm: 1, transparent_hugepage: 1 };

type CallName =
  | 'mmap'
  | 'munmap'
  | 'mprotect'
  | 'mremap'
  | 'madvise'
  | 'mlock'
  | 'mlock2'
  | 'munlock'
  | 'mlockall'
  | 'mseal'
  | 'msync'
  | 'remap_file_pages'
  | 'brk';

export type TwinWord = number | bigint;

export interface TwinOptions {
  readonly uid?: number;
  /** Of the machine's arena. */
  readonly bytes?: number;
  readonly protocol?: Partial<Protocol>;
}

export class Twin {
  readonly kernel: Kernel;
  readonly machine: Machine;
  readonly process: Process;
  /** The kernel's descriptor to ours. */
  readonly #fds = new Map<TwinWord, number>();

  private constructor(kernel: Kernel, machine: Machine, process: Process) {
    this.kernel = kernel;
    this.machine = machine;
    this.process = process;
  }

  /** @param uid another user, without any rights; to become one takes root. */
  static start({ uid = 0, bytes = 16 * 2 ** 20, protocol = {} }: TwinOptions = {}): Twin {
    const kernel = Kernel.start(uid === 0 ? {} : { uid });
    const mmap_min_addr = Number(readFileSync('/proc/sys/vm/mmap_min_addr', 'latin1'));
    const sysctl = { ...SYSCTL, mmap_min_addr, totalram_pages: totalRamPages() };
    const machine = Machine.create({
      bytes,
      sysctl,
      protocol: { mapFixedFailure: 'leave-gap', ...protocol },
    });
    const process = machine.spawn();
    const vmas = kernel.vmas().filter(({ path }) => path !== '[vsyscall]');
    const image = {
      vmas: vmas.map((vma) => initialVma(machine, vma)),
      layout: layoutOf(kernel, vmas),
    };
    const started = process.exec(image);
    if (started !== 0) throw new Error(`exec gave ${started}`);
    process.setRlimit(RLIMIT_MEMLOCK, memlockOf(kernel));
    if (uid !== 0 || !isRoot()) process.setCapabilities(0);
    // The kernel and the stub itself have written there.
    for (const { start, perms } of vmas) {
      if (perms.includes('w')) process.touch(start, 'write');
    }
    if (kernel.call('getpid') !== kernel.pid) throw new Error('the stub does not answer');
    return new Twin(kernel, machine, process);
  }

  /** Makes one call in both; a descriptor is the kernel's. @returns the kernel's result, ours. */
  call(name: CallName, ...args: readonly TwinWord[]): [theirs: TwinWord, ours: TwinWord] {
    return [this.kernel.call(name, ...args), this.#ours(name, args)];
  }

  /** A memfd of the kernel, known to both. */
  memfd(name: string, pages: number): number {
    const fd = Number(
      this.kernel.call('memfd_create', this.kernel.poke(0, Buffer.from(`${name}\0`)), 0),
    );
    this.kernel.call('ftruncate', fd, pages * PAGE);
    const { dev, ino } = statSync(`/proc/${this.kernel.pid}/fd/${fd}`, { bigint: true });
    const file = { kind: 'shmem', path: `/memfd:${name} (deleted)`, size: pages * PAGE } as const;
    return this.#know(fd, { ...file, ...numbersOf(dev, ino), writable: true });
  }

  /** A file that exists, opened for reading and writing or for reading. */
  file(path: string, access: 'rw' | 'r'): number {
    const flags = access === 'rw' ? 2 : 0;
    const fd = Number(
      this.kernel.call('open', this.kernel.poke(0, Buffer.from(`${path}\0`)), flags),
    );
    const { dev, ino, size } = statSync(path, { bigint: true });
    const file = { kind: 'regular', path, size: Number(size) } as const;
    return this.#know(fd, { ...file, ...numbersOf(dev, ino), writable: access === 'rw' });
  }

  /** Both texts of maps, without the numbers that the kernel gives its own objects. */
  maps(): [theirs: string, ours: string] {
    return [numbered(this.kernel.maps()), numbered(this.process.maps())];
  }

  /** Both texts of smaps for the VMAs that begin in a range. */
  smaps(from: number, to: number): [theirs: string, ours: string] {
    const cut = (text: string): string => numbered(blocksIn(text, from, to));
    return [cut(this.kernel.smaps()), cut(this.process.smaps())];
  }

  stop(): void {
    this.kernel.stop();
    this.process.verify();
    this.process.exit();
    this.machine.tearDown();
  }

  #know(fd: number, spec: FileSpec): number {
    if (fd < 0) throw new Error(`the kernel's open gave ${fd}`);
    this.#fds.set(fd, this.machine.open(spec));
    return fd;
  }

  #ours(name: CallName, args: readonly TwinWord[]): TwinWord {
    const calls: Calls = this.process;
    if (name === 'remap_file_pages') return calls.remapFilePages(...args);
    if (name !== 'mmap') return calls[name](...args);
    const fd = args[4] as TwinWord;
    return calls.mmap(...args.with(4, this.#fds.get(fd) ?? fd));
  }
}

type Calls = Readonly<Record<Exclude<CallName, 'remap_file_pages'> | 'remapFilePages', Operation>>;
type Operation = (...words: readonly TwinWord[]) => number;

function numbersOf(dev: bigint, ino: bigint): { devMajor: number; devMinor: number; ino: number } {
  const devMajor = Number((dev >> 8n) & 0xfffn);
  const devMinor = Number((dev & 0xffn) | ((dev >> 12n) & 0xfff00n));
  return { devMajor, devMinor, ino: Number(ino) };
}

function initialVma(machine: Machine, vma: SmapsVma): InitialVma {
  const flags: VmFlags = vmFlagsOfText(vma.vmFlags);
  const plain = { start: Number(vma.start), end: Number(vma.end), flags };
  if (vma.path.startsWith('[v')) return { ...plain, special: vma.path, pgoff: 0 };
  if (!vma.path.startsWith('/')) return plain;
  const [major = 0, minor = 0] = vma.dev.split(':').map((part) => Number.parseInt(part, 16));
  const fd = machine.open({
    kind: 'regular',
    path: vma.path,
    devMajor: major,
    devMinor: minor,
    ino: vma.inode,
    size: 2 ** 30,
  });
  return { ...plain, fd, pgoff: Number(vma.offset) / PAGE };
}

export const isRoot = (): boolean => getuid?.() === 0;

function totalRamPages(): number {
  const meminfo = readFileSync('/proc/meminfo', 'latin1');
  return Math.floor(Number(/MemTotal:\s+(\d+)/u.exec(meminfo)?.[1]) / 4);
}

/** What is not in maps: brk from the kernel itself, the stack's top from its mapping. */
function layoutOf(kernel: Kernel, vmas: readonly SmapsVma[]): MmLayout {
  const brk = Number(kernel.call('brk', 0));
  const stack = vmas.find(({ path }) => path === '[stack]');
  const stat = readFileSync(`/proc/${kernel.pid}/stat`, 'latin1').split(' ');
  return {
    startData: Number(stat[44]),
    endData: Number(stat[45]),
    startBrk: brk,
    brk,
    startStack: stack === undefined ? 0 : Number(stack.end) - 8,
  };
}

function memlockOf(kernel: Kernel): { soft: number; hard: number } {
  const text = readFileSync(`/proc/${kernel.pid}/limits`, 'latin1');
  const [, soft = '', hard = ''] = /Max locked memory +(\S+) +(\S+)/u.exec(text) ?? [];
  const value = (word: string): number => (word === 'unlimited' ? Infinity : Number(word));
  return { soft: value(soft), hard: value(hard) };
}

/** Unlinked objects have numbers from a counter that all processes share: here, from 1 in order. */
function numbered(text: string): string {
  const known = new Map<string, number>();
  return text.replaceAll(
    /00:01 (\d+)( +)(\/dev\/zero.*)/gu,
    (_, ino: string, pad: string, name: string) => {
      const number = String(known.get(ino) ?? known.size + 1);
      known.set(ino, Number(number));
      return `00:01 ${number.padEnd(ino.length + pad.length)}${name}`;
    },
  );
}

function blocksIn(text: string, from: number, to: number): string {
  const starts = [...text.matchAll(/^[0-9a-f]+-[0-9a-f]+ /gmu)].map(({ index }) => index);
  const blocks = starts.map((at, i) => text.slice(at, starts[i + 1]));
  return blocks
    .filter((block) => {
      const [vma] = parseSmaps(block);
      return vma !== undefined && Number(vma.start) >= from && Number(vma.start) < to;
    })
    .join('');
}
