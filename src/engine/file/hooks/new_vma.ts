/**
 * A VMA in the hands of a legacy `.mmap`: everything can be written, and is looked at afterwards.
 *
 * The VMA is complete but for what the driver adds, write-locked by being nobody's, and not in the
 * tree. Where it lies is the core's: a range or an mm that was moved is put back, and the mapping
 * refused.
 *
 * Source: mm/vma.c, __mmap_new_file_vma(), v6.18.
 */
import { EINVAL, EPERM, type Errno } from '../../arena/errno.ts';
import { NULL, type Null } from '../../arena/ref.ts';
import type { Mm, VmaHidden } from '../../mm/held.ts';
import { type PageProt, pageProtOf, pgprotCaching } from '../../mm/page_prot.ts';
import type { VmFlags } from '../../mm/vm_flags.ts';
import {
  type File,
  setVmCaching,
  setVmFile,
  setVmFlags,
  setVmOps,
  setVmPgoff,
  setVmPrivateData,
  vmCaching,
  vmEnd,
  vmFile,
  vmFlags,
  vmMm,
  vmOps,
  vmPgoff,
  vmPrivateData,
  vmStart,
} from '../../mm/vma_struct.ts';
import { type PfnRange, remapPfnRange } from '../../page/remap_pfn.ts';
import {
  VIOLATED_FRAME,
  VIOLATED_LATE,
  VIOLATED_RANGE,
  VIOLATED_VALUE,
} from '../../trace/verdict.ts';
import type { DriverCall } from '../driver_call.ts';
import { reportDriverFault } from '../driver_fault.ts';
import { fileInode, fput } from '../file_struct.ts';
import { type VmOperations, vmOperations, vmOpsNumber } from '../vm_ops.ts';
import { FIELD_RULES } from './field_rules.ts';

/** A VMA that `.mmap` fills in. Fields have the kernel's names. */
export class NewVma {
  /** The VMA itself, for functions that take one. */
  readonly handle: VmaHidden;
  readonly #driver: number;
  readonly #call: DriverCall;
  #violation = 0;
  #isOpen = true;

  constructor(handle: VmaHidden, driver: number, call: DriverCall) {
    this.handle = handle;
    this.#driver = driver;
    this.#call = call;
  }

  get vmMm(): Mm {
    return vmMm(this.handle);
  }
  set vmMm(_mm: Mm) {
    this.#refuse(VIOLATED_RANGE, 'vmMm');
  }

  /** Bytes. */
  get vmStart(): number {
    return vmStart(this.handle);
  }
  set vmStart(start: number) {
    if (start !== vmStart(this.handle)) this.#refuse(VIOLATED_RANGE, 'vmStart');
  }

  /** Bytes, exclusive. */
  get vmEnd(): number {
    return vmEnd(this.handle);
  }
  set vmEnd(end: number) {
    if (end !== vmEnd(this.handle)) this.#refuse(VIOLATED_RANGE, 'vmEnd');
  }

  /** Pages. */
  get vmPgoff(): number {
    return vmPgoff(this.handle);
  }
  set vmPgoff(pgoff: number) {
    if (this.#may('pgoff', pgoff)) setVmPgoff(this.handle, pgoff);
  }

  get vmFlags(): VmFlags {
    return vmFlags(this.handle);
  }
  set vmFlags(flags: VmFlags) {
    if (this.#may('flags', flags)) setVmFlags(this.handle, flags);
  }

  /** Only the caching counts: what is allowed follows from the flags. */
  get vmPageProt(): PageProt {
    return pageProtOf(vmFlags(this.handle), vmCaching(this.handle));
  }
  set vmPageProt(prot: PageProt) {
    if (this.#may('pageProt', prot)) setVmCaching(this.handle, pgprotCaching(prot));
  }

  get vmFile(): File | Null {
    return vmFile(this.handle);
  }
  /** The reference to `file` goes with it; the one to the present file is dropped. */
  set vmFile(file: File) {
    if (!this.#may('file', file)) return;
    const old = vmFile(this.handle);
    setVmFile(this.handle, file);
    if (old !== NULL) fput(old);
  }

  get vmOps(): VmOperations {
    return vmOperations(vmOps(this.handle));
  }
  set vmOps(operations: VmOperations) {
    if (this.#may('vmOps', operations)) {
      setVmOps(this.handle, vmOpsNumber(operations, this.#driver));
    }
  }

  get vmPrivateData(): number {
    return vmPrivateData(this.handle);
  }
  set vmPrivateData(word: number) {
    if (this.#may('privateData', word)) setVmPrivateData(this.handle, word);
  }

  /**
   * Maps frames of this driver's device, which its file must own: see page/remap_pfn.ts.
   *
   * @returns as remapPfnRange(); EPERM, and a violation, for frames that are not the file's own.
   */
  remapPfnRange(range: PfnRange): 0 | Errno {
    if (!this.#isOpen) {
      this.#refuse(VIOLATED_LATE, 'remapPfnRange');
      return EINVAL;
    }
    const file = vmFile(this.handle);
    if (file === NULL) return EINVAL;
    const result = remapPfnRange(this.handle, range, fileInode(file));
    if (result === EPERM) this.#refuse(VIOLATED_FRAME, `frame ${range.pfn}`);
    return result;
  }

  /** The hook has returned: writing has no effect any more. @returns VIOLATED_* or 0. */
  close(): number {
    this.#isOpen = false;
    return this.#violation;
  }

  #may(rule: keyof typeof FIELD_RULES, value: unknown): boolean {
    if (this.#isOpen && FIELD_RULES[rule](value, this.#driver)) return true;
    this.#refuse(VIOLATED_VALUE, rule);
    return false;
  }

  #refuse(violation: number, what: string): void {
    const code = this.#isOpen ? violation : VIOLATED_LATE;
    if (this.#violation === 0) this.#violation = code;
    reportDriverFault({ ...this.#call, violation: code, what, thrown: null }, this.#call.mm);
  }
}
