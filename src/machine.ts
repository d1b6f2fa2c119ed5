/** A machine: one shared memory, its settings, its open files and its processes. */
import { restoreShadow, saveShadow } from '#shadow';
import {
  createArena,
  refuseArena,
  refuseToShare,
  arenaUsed,
  ARENA_BYTES_MAX,
  ARENA_BYTES_MIN,
} from './engine/arena/arena.ts';
import {
  claimCpu,
  claimKeptCpu,
  type Cpu,
  keepCpu,
  releaseCpu,
  useCpu,
  workerOf,
} from './engine/arena/cpu.ts';
import { isErr } from './engine/arena/errno.ts';
import { CPUS, H_RESTORES } from './engine/arena/layout.ts';
import { initRandom } from './engine/arena/random.ts';
import { type Memory, memoryOf, setWord, useMemory, word } from './engine/arena/memory.ts';
import { NULL } from './engine/arena/ref.ts';
import { maySleep } from './engine/arena/sleep.ts';
import { awaitTurn, endTurn, takeTurn } from './engine/arena/turn.ts';
import { fdCloseAll, initFdTable } from './engine/file/fd_table.ts';
import { initDriverTable } from './engine/file/driver_table.ts';
import { hasHost, type HostFiles, setHasHost, useHost } from './engine/file/host.ts';
import { flushOnExit } from './engine/file/writeback.ts';
import { watchVmas } from './engine/mm/vma_monitor.ts';
import { commitLimit, committedPages } from './engine/mm/accounting.ts';
import { initProtocol, type Protocol, readProtocol, refuseProtocol } from './engine/mm/protocol.ts';
import {
  initSysctls,
  isSysctl,
  setSysctl,
  sysctl,
  type SysctlName,
  type Sysctls,
} from './engine/mm/sysctl.ts';
import { vmstatText } from './engine/procfs/vmstat.ts';
import { frameOf, framesUsed, initMemMap } from './engine/page/page_struct.ts';
import { rcuReadLockHeld, synchronizeRcu } from './engine/rcu/rcu.ts';
import { syncHostInodes } from './engine/rmap/fsync.ts';
import { cacheDrain, type CacheStats, cacheStats } from './engine/slab/cache.ts';
import { type RefusalWitness, witnessRefusals } from './engine/slab/fail.ts';
import { type Burial, buryWorker } from './engine/task/bury.ts';
import { newProcess } from './engine/task/clone.ts';
import { type Manner, type MmVisit, walkMmlist } from './engine/task/foreign_walk.ts';
import { FORK_STEPS, type ForkStep, setForkFailure } from './engine/task/fork_failure.ts';
import { outOfMemory } from './engine/task/oom_kill.ts';
import { findTaskLocked } from './engine/task/tasklist.ts';
import { COUNTER_NAMES, type CounterName, counterSum } from './engine/trace/counters.ts';
import { warnings } from './engine/trace/warn.ts';
import { type EventName, readTrace, setTraced, type TraceRecord } from './engine/trace/events.ts';
import {
  type AllocationFailures,
  CACHES,
  failAllocations,
  leftOver,
  pendingFailures,
} from './machine_allocations.ts';
import { MachineFiles } from './machine_files.ts';
import { Process } from './process.ts';

export interface MachineOptions {
  /** Size of the memory for objects; fixed, and committed by the system only as it is used. */
  readonly bytes?: number;
  /** Size of the memory for pages, likewise. Default: four times `bytes`. */
  readonly ramBytes?: number;
  /** Settings by their names in /proc/sys/vm. */
  readonly sysctl?: Sysctls;
  /** How it does what Linux has done in several ways; the defaults are the best. */
  readonly protocol?: Partial<Protocol>;
  /**
   * Where addresses at random begin: a whole number from 0 below 2^53. One worker alone gets the
   * same ones for the same seed. Default: another one each time.
   */
  readonly seed?: number;
  /** Where files outside the machine are; then every worker that attaches brings its own. */
  readonly host?: HostFiles;
}

/** What another worker attaches with; it can be posted to it. */
export interface SharedMachine {
  readonly buffer: SharedArrayBuffer;
  /** The number that a worker will have, when reserve() has kept a place for it. */
  readonly worker?: number;
}

/** What a worker attaches with that has a place of its own. */
export interface ReservedMachine extends SharedMachine {
  readonly worker: number;
}

export interface MachineReport {
  /** Objects of each kind; `live` is 0 for all when nothing is left. */
  readonly caches: readonly CacheStats[];
  readonly counters: Readonly<Record<CounterName, number>>;
  /** Pages promised to private writable memory. */
  readonly committedPages: number;
  readonly commitLimit: number;
  /** Bytes of the shared memory that have been used at some time. */
  readonly usedBytes: number;
  /** What should never happen, and did: one sentence each. */
  readonly warnings: readonly string[];
}

/** A machine's whole state at one moment. */
export interface MachineImage {
  readonly words: Int32Array;
  /** The contents of the frames that were ever used. */
  readonly frames: Int32Array;
  /** Of a checked build: what is known of each object. */
  readonly shadow: Int32Array;
}

const DEFAULT_BYTES = 64 * 2 ** 20;
const RAM_RATIO = 4;

/**
 * The machine whose memory this worker's handles point into now, and which its calls may use: on a
 * thread that may not sleep, only during its turn.
 */
let active: Machine | null = null;

const noPlace = (worker?: number): string =>
  worker === undefined
    ? `All ${CPUS} places for workers are taken: end one with detach(), or bury() one that is dead.`
    : `No place is kept for worker ${worker}: each call of reserve() keeps one, to attach once.`;

const BESIDE_OTHERS =
  'This thread may not sleep, as the main thread of a page, and other workers have places at this machine: make the call in a worker, or end them first with detach() or bury().';
const IN_A_TURN =
  'This thread may not sleep, and another one that may not makes calls now: attach in a worker, or once that has returned to its event loop.';

/**
 * A machine with its processes, in one SharedArrayBuffer. Any worker that
 * attaches sees the same machine and may use its processes at the same time.
 *
 * A thread that may not sleep, as a browser's main thread, makes calls while no other worker has a
 * place. Beside others it does what waits for nobody; all else throws. See docs/parallel.md.
 */
export class Machine extends MachineFiles {
  readonly #memory: Memory;
  readonly #cpu: Cpu;
  readonly #worker: number;
  readonly #host: HostFiles | null;
  readonly #flush = (): void => this.#flushOnExit();
  #isDetached = false;

  private constructor(memory: Memory, cpu: Cpu, host: HostFiles | null) {
    super();
    this.#memory = memory;
    this.#cpu = cpu;
    this.#worker = workerOf(cpu);
    this.#host = host;
    host?.attached?.(this.#flush);
  }

  /** @throws RangeError for a size that cannot hold a machine; TypeError where none can be. */
  static create(options: MachineOptions = {}): Machine {
    const bytes = Math.ceil((options.bytes ?? DEFAULT_BYTES) / 65536) * 65536;
    if (!(bytes >= ARENA_BYTES_MIN && bytes <= ARENA_BYTES_MAX)) {
      throw new RangeError(
        `A machine takes from ${ARENA_BYTES_MIN} to ${ARENA_BYTES_MAX} bytes, not ${options.bytes}.`,
      );
    }
    const seed = options.seed ?? Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`A seed is a whole number from 0 below 2^53, not ${seed}.`);
    }
    const wrong = refuseToShare() ?? refuseProtocol(options.protocol ?? {});
    if (wrong !== null) throw new TypeError(wrong);
    const ramBytes =
      Math.ceil(
        (options.ramBytes ?? Math.min(RAM_RATIO * bytes, ARENA_BYTES_MAX - bytes)) / 65536,
      ) * 65536;
    if (!(ramBytes >= 0 && bytes + ramBytes <= ARENA_BYTES_MAX)) {
      const most = ARENA_BYTES_MAX - bytes;
      throw new RangeError(`A machine has at most ${most} bytes of pages, not ${ramBytes}.`);
    }
    const memory = createArena(bytes, ramBytes);
    if (options.host !== undefined) setHasHost();
    const machine = Machine.#attachTo(memory, options.host ?? null);
    initRandom(seed);
    initSysctls(options.sysctl ?? {});
    initProtocol(options.protocol ?? {});
    if (!initMemMap()) throw new RangeError(`${bytes} bytes cannot describe ${ramBytes} of pages.`);
    if (!initDriverTable() || !initFdTable()) {
      throw new RangeError(`A machine of ${bytes} bytes has no room for files.`);
    }
    return machine;
  }

  /**
   * Attaches this worker to a machine that another one shares. One that ends without
   * detach() keeps its place among the 64 until somebody calls bury(). A machine with files of a
   * host takes a host here too. While a page is making calls, this waits until it has made them.
   *
   * @throws TypeError for what is not a whole machine of this version; RangeError when all places
   *   are taken, or the one that was reserved is not there; Error when it would wait and may not.
   */
  static attach(shared: SharedMachine, { host }: { host?: HostFiles } = {}): Machine {
    const given = shared as Partial<SharedMachine> | null | undefined;
    const wrong = refuseArena(given?.buffer);
    if (wrong !== null) throw new TypeError(wrong);
    return Machine.#attachTo(memoryOf(shared.buffer), host ?? null, shared.worker);
  }

  static #attachTo(memory: Memory, host: HostFiles | null, worker?: number): Machine {
    useMemory(memory);
    watchVmas();
    active = null;
    if (hasHost() !== (host !== null)) {
      throw new TypeError('Either every worker of a machine brings a host for its files, or none.');
    }
    const cpu = worker === undefined ? claimCpu() : claimKeptCpu(worker);
    if (cpu === null) throw new RangeError(noPlace(worker));
    useCpu(cpu);
    if (!awaitTurn()) {
      releaseCpu(cpu);
      throw new Error(IN_A_TURN);
    }
    useHost(host);
    const machine = new Machine(memory, cpu, host);
    active = maySleep ? machine : null;
    return machine;
  }

  /** How this machine does what Linux has done in several ways. */
  protocol(): Protocol {
    this.look();
    return readProtocol();
  }

  /** What any worker can attach with. */
  share(): SharedMachine {
    return { buffer: this.#memory.buffer };
  }

  /**
   * The same for one worker, with a place of its own: its number is known before it runs, so that
   * bury() can be told of its end whenever that comes. @throws RangeError when none is free.
   */
  reserve(): ReservedMachine {
    this.look();
    const cpu = keepCpu();
    if (cpu === null) throw new RangeError(noPlace());
    return { ...this.share(), worker: workerOf(cpu) };
  }

  /**
   * Ends what a worker had begun that is no more: whoever learns of its end says so, as when Node
   * tells it by 'exit'. Its read section ends, its locks are broken, and report() warns of it.
   *
   * @returns what it left, or null when it had called detach(). A worker that still runs must not
   *   be buried.
   */
  bury(worker: number): Burial | null {
    this.look();
    if (!Number.isSafeInteger(worker) || worker < CPUS) {
      throw new TypeError(
        `A worker is buried by its number, as machine.worker says, not ${worker}.`,
      );
    }
    if (worker === this.worker) throw new RangeError('A worker leaves by detach(), not by bury().');
    return buryWorker(worker);
  }

  /** The number of this worker at this machine: no other one has ever had it. */
  get worker(): number {
    this.look();
    return this.#worker;
  }

  /** @throws Error on a thread that may not sleep, when there is anybody it could wait for. */
  override enter(): void {
    if (active === this) return;
    this.#use();
    if (!maySleep) this.#takeTurn();
    active = this;
  }

  /** As enter(), for what takes no lock and waits for nobody, whoever else is here. */
  look(): void {
    if (active === this && maySleep) return;
    this.#use();
    active = maySleep ? this : null; // it may have made a place: the next call asks again
  }

  #use(): void {
    if (this.#isDetached) throw new Error('This worker has detached from the machine.');
    useMemory(this.#memory);
    useCpu(this.#cpu);
    useHost(this.#host);
  }

  /** The turn is over when this thread returns to its event loop. */
  #takeTurn(): void {
    active = null;
    if (!takeTurn(this.#worker)) throw new Error(BESIDE_OTHERS);
    void Promise.resolve().then(() => this.#endTurn());
  }

  #endTurn(): void {
    useMemory(this.#memory);
    endTurn(this.#worker);
    active = null;
  }

  /** The program ends: nothing may be waited for, and this worker may have detached. */
  #flushOnExit(): void {
    useMemory(this.#memory);
    useHost(this.#host);
    active = null;
    flushOnExit();
  }

  /** This worker leaves; the machine stays. What is dirty is written first. */
  detach(): void {
    this.#leave(false);
  }

  #leave(isOver: boolean): void {
    if (this.#host === null) this.look();
    else this.enter(); // files are locked
    if (rcuReadLockHeld()) throw new Error('A worker cannot leave inside a read section.');
    if (this.#host !== null) syncHostInodes();
    this.#host?.detached?.(this.#flush, isOver);
    endTurn(this.#worker);
    releaseCpu(this.#cpu);
    this.#isDetached = true;
    active = null;
  }

  /**
   * Closes all files and checks that nothing is left; call it when every process has exited.
   *
   * @throws Error that names what is still alive.
   */
  tearDown(): void {
    this.enter();
    fdCloseAll();
    synchronizeRcu();
    for (const cache of CACHES) cacheDrain(cache);
    const left = leftOver();
    this.#leave(true);
    if (left.length === 0) return;
    throw new Error(`The machine was torn down with live objects: ${left.join(', ')}.`);
  }

  report(): MachineReport {
    this.look();
    const counters = COUNTER_NAMES.map((name, i): [CounterName, number] => [name, counterSum(i)]);
    return {
      caches: CACHES.map(cacheStats),
      counters: Object.fromEntries(counters) as Record<CounterName, number>,
      committedPages: committedPages(),
      commitLimit: commitLimit(),
      usedBytes: arenaUsed() * 4,
      warnings: warnings(),
    };
  }

  /** The counters of report() as text, like that of /proc/vmstat. */
  vmstat(): string {
    this.look();
    return vmstatText();
  }

  sysctl(name: SysctlName): number {
    this.look();
    return sysctl(name);
  }

  setSysctl(name: SysctlName, value: number): void {
    this.look();
    if (!isSysctl(name)) throw new TypeError(`There is no setting "${String(name)}".`);
    if (!Number.isFinite(value) || value < 0) {
      throw new TypeError(`The setting ${name} takes a number from 0, not ${value}.`);
    }
    setSysctl(name, value);
  }

  /**
   * A process with an empty address space, a child of init; exec() fills it. @throws RangeError
   * when the memory is full.
   */
  spawn(): Process {
    this.enter();
    const task = newProcess();
    if (task !== NULL) {
      const process = new Process(this, task);
      if (!isErr(process.exec({ vmas: [], layout: {} }))) return process;
      process.exit();
    }
    throw new RangeError('The machine has no memory for another process.');
  }

  /** A process that another worker has, by its `id`. @throws RangeError when there is none. */
  process(id: number): Process {
    this.enter();
    const task = findTaskLocked(id);
    if (task === NULL) throw new RangeError(`There is no process ${String(id)}.`);
    return new Process(this, task, id);
  }

  /**
   * The OOM killer: condemns the process with most pages, and takes its private memory.
   * @returns it: who runs it ends it; null when there is none to kill, or one is still dying.
   */
  outOfMemory(): Process | null {
    this.enter();
    const victim = outOfMemory();
    return victim === null ? null : new Process(this, victim.task, victim.tid);
  }

  /**
   * Walks every address space, as those do who have no business with its processes: a child whose
   * fork has just failed can be among them. @returns what the walk met in each.
   */
  walkMms(manner: Manner = 'careful'): MmVisit[] {
    this.enter();
    return walkMmlist(manner);
  }

  /**
   * The next fork fails at `step`, once `after` VMAs have passed it: with ENOMEM, or EINTR at
   * 'lock' and 'signal'. null takes it back.
   */
  failFork(step: ForkStep | null, after = 0): void {
    this.enter();
    if (step !== null && !FORK_STEPS.includes(step)) {
      throw new TypeError(`A fork has the steps ${FORK_STEPS.join(', ')}.`);
    }
    setForkFailure(step === null ? null : { step, after });
  }

  /**
   * Makes allocations fail, of all caches or of one: a certain one, several, all from then on, or
   * each with a chance. The second form is one cache's: after `after` more, `count` fail (-1: all).
   */
  failAllocations(failures: AllocationFailures): void;
  failAllocations(cache: string, after: number, count: number): void;
  failAllocations(what: AllocationFailures | string, after = 0, count = 1): void {
    this.enter();
    failAllocations(typeof what === 'string' ? { cache: what, after, count } : what);
  }

  /** What is still to come of failAllocations() for a cache, or for all; and its seed. */
  pendingFailures(cache?: string): Required<Omit<AllocationFailures, 'cache'>> {
    this.enter();
    return pendingFailures(cache);
  }

  /** Tells this worker's failures that were asked for, and who asked for the memory. */
  witnessFailures(tell: RefusalWitness | null): void {
    witnessRefusals(tell);
  }

  /** Starts recording these events in the rings, and stops all others. */
  trace(events: readonly EventName[]): void {
    this.look();
    setTraced(events);
  }

  readTrace(): TraceRecord[] {
    this.look();
    return readTrace();
  }

  /** Copies the whole state. No other worker may be inside the machine. */
  save(): MachineImage {
    const image = this.saveMappings();
    const { i32 } = this.#memory;
    return { ...image, frames: new Int32Array(i32.subarray(frameOf(0), frameOf(framesUsed()))) };
  }

  /** As save(), but for what the pages hold: to go back to it says nothing of their bytes. */
  saveMappings(): MachineImage {
    this.enter();
    const { i32 } = this.#memory;
    const words = new Int32Array(i32.subarray(0, arenaUsed()));
    return { words, frames: new Int32Array(), shadow: saveShadow(words.length) };
  }

  /** Goes back to a saved state. Handles and processes made since are void. */
  restore(image: MachineImage): void {
    this.enter();
    const { i32 } = this.#memory;
    const restores = word(H_RESTORES) + 1; // no translation from before is true
    restoreShadow(image.shadow, arenaUsed());
    i32.fill(0, image.words.length, arenaUsed());
    i32.set(image.words);
    setWord(H_RESTORES, restores);
    i32.set(image.frames, frameOf(0));
  }
}
