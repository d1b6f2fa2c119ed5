/** Where programs run: a small machine, its processes in the order of their births, its files. */
import {
  ADDR_NO_RANDOMIZE,
  daxDriver,
  type Driver,
  type InodeKind,
  Machine,
  type MachineImage,
  overlayDriver,
  pfnDevice,
  Process,
  type Protocol,
  registerDriver,
  unregisterDriver,
  usbStreamDriver,
} from '../../index.ts';
import { LOADER_FILE, PROGRAM_FILE } from './elf_program.ts';
import { PAGE, START_BRK } from './place.ts';

/** What can be opened; a step names one by its place. */
export const FILE_KINDS = [
  { name: 'a regular file', kind: 'regular' },
  { name: 'a memfd', kind: 'shmem' },
  { name: 'a secret memfd', kind: 'secretmem' },
  { name: 'a device', kind: 'driver', driver: pfnDevice },
  { name: 'a file of a dax driver', kind: 'driver', driver: daxDriver },
  { name: 'a stream', kind: 'driver', driver: usbStreamDriver },
  { name: 'a stacked file', kind: 'driver', driver: overlayDriver },
  { name: 'a program', kind: 'regular', contents: PROGRAM_FILE },
  { name: 'a loader', kind: 'regular', contents: LOADER_FILE },
] as const satisfies readonly FileKind[];

interface FileKind {
  readonly name: string;
  readonly kind: InodeKind;
  readonly driver?: Driver;
  readonly contents?: Uint8Array;
}

export type FileKindName = (typeof FILE_KINDS)[number]['name'];

const DRIVERS = FILE_KINDS.flatMap((each) => ('driver' in each ? [each.driver] : []));

const BYTES = 4 * 2 ** 20;
const RAM_BYTES = 8 * 2 ** 20;

/** A state to come back to. */
export interface Mark {
  readonly image: MachineImage;
  readonly actors: readonly Actor[];
}

/** A process of a program, by the order of births. */
interface Actor {
  /** null: it has exited. */
  readonly process: Process | null;
  /** Its address space; vfork shares one. */
  readonly space: number;
}

export class Stage {
  readonly machine: Machine;
  #actors: Actor[] = [];

  constructor(protocol: Partial<Protocol> = {}) {
    for (const driver of DRIVERS) registerDriver(driver);
    this.machine = Machine.create({
      bytes: BYTES,
      ramBytes: RAM_BYTES,
      sysctl: { mmap_min_addr: PAGE },
      protocol,
      seed: 1,
    });
    const process = this.machine.spawn();
    process.setPersonality(ADDR_NO_RANDOMIZE); // a second attempt ends where the first would have
    process.setLayout({ startBrk: START_BRK, brk: START_BRK });
    this.#actors.push({ process, space: 0 });
  }

  /** This worker forgets the machine, and the drivers. */
  leave(): void {
    this.machine.detach();
    for (const driver of DRIVERS) unregisterDriver(driver.name);
  }

  mark(): Mark {
    return { image: this.machine.save(), actors: [...this.#actors] };
  }

  rewind({ image, actors }: Mark): void {
    this.machine.restore(image);
    this.#actors = [...actors];
  }

  /** The process of this number, if it lives. */
  actor(number: number): Process | null {
    return this.#actors[number]?.process ?? null;
  }

  /** The address space of the process of this number. */
  spaceOf(number: number): number {
    return this.#actors[number]?.space ?? -1;
  }

  /** Every address space that somebody lives in. */
  spaces(): Map<number, Process> {
    const spaces = new Map<number, Process>();
    for (const { process, space } of this.#actors) if (process !== null) spaces.set(space, process);
    return spaces;
  }

  /** A fork or a vfork has ended. @returns 0, or the errno. */
  born(process: Process | number, space: number = this.#newSpace()): number {
    if (!(process instanceof Process)) return process;
    this.#actors.push({ process, space });
    return 0;
  }

  /** A process has left its address space for a new one. */
  moved(number: number): void {
    this.#actors[number] = { process: this.actor(number), space: this.#newSpace() };
  }

  ended(number: number): number {
    this.actor(number)?.exit();
    this.#actors[number] = { process: null, space: -1 };
    return 0;
  }

  #newSpace(): number {
    return 1 + Math.max(...this.#actors.map(({ space }) => space), 0);
  }

  /** Opens a file of a kind, with so many pages. @returns its descriptor, or an errno. */
  open(kind: number, pages: number): number {
    const what = FILE_KINDS[kind % FILE_KINDS.length] ?? FILE_KINDS[0];
    return this.machine.open({
      kind: what.kind,
      path: `/${what.name}`,
      // What is open to be written cannot be executed.
      ...('contents' in what
        ? { contents: what.contents }
        : { size: pages * PAGE, writable: true }),
      // What a stacked file is opened over: the first file, if it is there.
      ...('driver' in what ? { driver: what.driver.name, privateData: 0 } : {}),
    });
  }

  /** Ends all of it. @returns what is still there: nothing, as it should be. */
  end(): string[] {
    for (const { process } of this.#actors) process?.exit();
    this.#actors = [];
    const { machine } = this;
    for (let fd = 0; fd < 64; fd++) machine.close(fd);
    const { caches, committedPages } = machine.report();
    const left = caches.filter(({ live }) => live !== 0).map(({ name, live }) => `${live} ${name}`);
    return committedPages === 0 ? left : [...left, `${committedPages} committed pages`];
  }
}
