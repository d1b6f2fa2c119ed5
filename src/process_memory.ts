/** The memory of a process, as its program sees it: loads and stores, and what they met. */
import { assert } from './engine/arena/assert.ts';
import { NULL } from './engine/arena/ref.ts';
import { PAGE_SIZE, pageDown } from './engine/arena/units.ts';
import {
  loadNumber,
  loadWord64,
  readBytes,
  storeNumber,
  storeWord64,
  writeBytes,
  type Width,
} from './engine/fault/access.ts';
import { type Touch, touchPage } from './engine/fault/touch.ts';
import { type Access, FAULT_SEGV_MAPERR, type FaultCode } from './engine/fault/user_fault.ts';
import { isInsideDriver } from './engine/file/driver_call.ts';
import type { Mm } from './engine/mm/held.ts';
import {
  type FaultCounts,
  isTaskAlive,
  setCurrent,
  type Task,
  taskFaults,
  taskMm,
  taskTid,
} from './engine/mm/task_struct.ts';
import { type RssInfo, rssInfo } from './engine/procfs/rss_info.ts';
import { glimpseVmas, type VmaGlimpse } from './engine/procfs/vma_glimpse.ts';
import { ulongOf, type Word } from './engine/syscall/ulong.ts';
import type { Machine } from './machine.ts';

/** Words beyond 2^53 are no addresses of a program: they fault. */
const isAddress = (addr: number): boolean => Number.isSafeInteger(addr);

/** Bytes that touchRange() takes at most. */
const TOUCH_MAX = 2 ** 22 * PAGE_SIZE;

/** A task of a machine, and what loads and stores do to its address space. */
export class ProcessMemory {
  readonly machine: Machine;
  protected readonly task: Task;
  #tid: number;

  /** @param tid the task's number: one that others may end meanwhile is not taken for the next. */
  constructor(machine: Machine, task: Task, tid = taskTid(task)) {
    this.machine = machine;
    this.task = task;
    this.#tid = tid;
  }

  /**
   * The number of the thread, by which other workers find it: `machine.process(id)`. That of a
   * process's first thread is that of the process.
   */
  get id(): number {
    return this.#tid;
  }

  /** Whether it has not ended: else only what tells of its end can be called. */
  get isAlive(): boolean {
    this.machine.look();
    return isTaskAlive(this.task, this.#tid);
  }

  /** A new program has the number of its process. */
  protected renumber(): void {
    this.#tid = taskTid(this.task);
  }

  /**
   * Loads an unsigned number of 1, 2 or 4 bytes, little endian, as a CPU would.
   *
   * @returns it; or a FAULT_* code, which is negative: the signal that the program would get.
   */
  load(addr: number, width: Width = 4): number {
    this.enter();
    return isAddress(addr) ? loadNumber(this.mm(), addr, width) : FAULT_SEGV_MAPERR;
  }

  /** Stores the low bytes of a whole number. @returns 0 or a FAULT_* code. */
  store(addr: number, value: number, width: Width = 4): FaultCode {
    this.enter();
    if (!isAddress(addr)) return FAULT_SEGV_MAPERR;
    return storeNumber(this.mm(), addr, { value, width });
  }

  /** Loads 8 bytes. @returns them as an unsigned number, or a FAULT_* code, which is negative. */
  load64(addr: number): bigint {
    this.enter();
    return isAddress(addr) ? loadWord64(this.mm(), addr) : BigInt(FAULT_SEGV_MAPERR);
  }

  /** Stores the low 8 bytes. @returns 0 or a FAULT_* code. */
  store64(addr: number, value: bigint): FaultCode {
    this.enter();
    return isAddress(addr) ? storeWord64(this.mm(), addr, value) : FAULT_SEGV_MAPERR;
  }

  /**
   * Copies bytes out of the address space, page by page, until `bytes` is full.
   *
   * @returns how many; or a FAULT_* code when not even the first could be had.
   */
  read(addr: number, bytes: Uint8Array): number {
    this.enter();
    if (!isAddress(addr)) return FAULT_SEGV_MAPERR;
    const transfer = { bytes, done: 0 };
    const code = readBytes(this.mm(), addr, transfer);
    return transfer.done > 0 ? transfer.done : code;
  }

  /** Copies bytes into the address space. @returns as read(). */
  write(addr: number, bytes: Uint8Array): number {
    this.enter();
    if (!isAddress(addr)) return FAULT_SEGV_MAPERR;
    const transfer = { bytes, done: 0 };
    const code = writeBytes(this.mm(), addr, transfer);
    return transfer.done > 0 ? transfer.done : code;
  }

  /** How many faults of this process needed no disk, and how many did. */
  faults(): FaultCounts {
    this.enter();
    return taskFaults(this.task);
  }

  /** Pages that are present, by kind; `hiwater` is the most there ever were. Tables in pages too. */
  rss(): RssInfo {
    this.enter();
    return rssInfo(this.mm());
  }

  /** A load from, or a store to, the page that contains `addr`; what a program would have met. */
  touch(addr: Word, access: Access): Touch {
    this.enter();
    const at = ulongOf(addr);
    return Number.isNaN(at) ? 'SEGV_MAPERR' : touchPage(this.mm(), at, access);
  }

  /**
   * A load from, or a store to, every page that [addr, addr + len) has a part of.
   *
   * @returns what each met, in order. @throws RangeError for more than 2^22 pages.
   */
  touchRange(addr: Word, len: Word, access: Access): Touch[] {
    this.enter();
    const start = ulongOf(addr);
    const end = start + ulongOf(len);
    if (Number.isNaN(end)) return ['SEGV_MAPERR'];
    if (end - start > TOUCH_MAX) throw new RangeError('A range to touch has at most 2^22 pages.');
    const mm = this.mm();
    const touches: Touch[] = [];
    for (let at = pageDown(start); at < end; at += PAGE_SIZE) {
      touches.push(touchPage(mm, at, access));
    }
    return touches;
  }

  /**
   * Every VMA as of one moment, without names and files, by taking no lock: also beside other
   * workers on a thread that may not sleep. @returns null when they write too often, or the process
   * has ended: ask again later.
   */
  glimpse(): VmaGlimpse[] | null {
    this.machine.look();
    return glimpseVmas(this.task, this.#tid);
  }

  /** Makes this process the running task of this worker; every method begins with it. */
  protected enter(): void {
    if (isInsideDriver()) throw new Error('A driver’s hook cannot use a process.');
    this.machine.enter();
    if (!isTaskAlive(this.task, this.#tid)) throw new Error('This process has exited.');
    setCurrent(this.task);
  }

  protected mm(): Mm {
    const mm = taskMm(this.task);
    assert(mm !== NULL, 'a task that lives has an address space');
    return mm;
  }
}
