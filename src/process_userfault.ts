/** userfaultfd(2) of a process, and its ioctls. */
import { EBADF, EINVAL, ENOTTY, type Errno, OK } from './engine/arena/errno.ts';
import { NULL } from './engine/arena/ref.ts';
import { setUserfaultHandler, type UserfaultHandler } from './engine/fault/userfault.ts';
import { fget } from './engine/file/fd_table.ts';
import { fileUserfaultfd, fput } from './engine/file/file_struct.ts';
import { UFFD_API } from './engine/file/userfaultfd_values.ts';
import { intOf, ulongOf, type Word } from './engine/syscall/ulong.ts';
import {
  sysUffdApi,
  sysUffdRegister,
  sysUffdUnregister,
  sysUserfaultfd,
} from './engine/syscall/userfaultfd.ts';
import {
  sysUffdCopy,
  sysUffdWake,
  sysUffdWriteprotect,
  sysUffdZeropage,
} from './engine/syscall/userfaultfd_fill.ts';
import { sysUffdRead, type UffdMessage } from './engine/syscall/userfaultfd_read.ts';
import { ProcessMemory } from './process_memory.ts';

/** A process that may watch its memory. */
export class ProcessUserfault extends ProcessMemory {
  /**
   * userfaultfd(2): a descriptor for this address space, whoever uses it. Machine.close() ends all
   * that it watches.
   */
  userfaultfd(flags: Word): number | Errno {
    this.enter();
    const f = intOf(flags);
    return Number.isNaN(f) ? EINVAL : sysUserfaultfd(f);
  }

  /** UFFDIO_API: agrees on UFFD_FEATURE_*, before anything else. */
  uffdApi(fd: Word, features: Word, api: Word = UFFD_API): 0 | Errno {
    this.enter();
    const d = intOf(fd);
    const f = ulongOf(features);
    const a = ulongOf(api);
    return Number.isNaN(d + f + a) ? EINVAL : sysUffdApi({ fd: d, api: a, features: f });
  }

  /** UFFDIO_REGISTER, with UFFDIO_REGISTER_MODE_*. */
  uffdRegister(fd: Word, addr: Word, len: Word, mode: Word): 0 | Errno {
    this.enter();
    const d = intOf(fd);
    const a = ulongOf(addr);
    const l = ulongOf(len);
    const m = ulongOf(mode);
    if (Number.isNaN(d + a + l + m)) return EINVAL;
    return sysUffdRegister({ fd: d, addr: a, len: l, mode: m });
  }

  /** UFFDIO_UNREGISTER. */
  uffdUnregister(fd: Word, addr: Word, len: Word): 0 | Errno {
    this.enter();
    const d = intOf(fd);
    const a = ulongOf(addr);
    const l = ulongOf(len);
    return Number.isNaN(d + a + l) ? EINVAL : sysUffdUnregister({ fd: d, addr: a, len: l });
  }

  /**
   * The oldest fault that nobody has read, else the oldest event; without O_NONBLOCK it sleeps
   * until there is one.
   */
  uffdRead(fd: Word): UffdMessage | Errno {
    this.enter();
    const d = intOf(fd);
    return Number.isNaN(d) ? EINVAL : sysUffdRead(d);
  }

  /**
   * UFFDIO_COPY, with UFFDIO_COPY_MODE_*. `src` is an address of this process.
   *
   * @returns how many bytes were copied, fewer than `len` when a page could not be; or an errno.
   */
  uffdCopy(fd: Word, dst: Word, src: Word, len: Word, mode: Word = 0): number | Errno {
    this.enter();
    const d = intOf(fd);
    const to = ulongOf(dst);
    const from = ulongOf(src);
    const l = ulongOf(len);
    const m = ulongOf(mode);
    if (Number.isNaN(d + to + from + l + m)) return EINVAL;
    return sysUffdCopy({ fd: d, dst: to, src: from, len: l, mode: m });
  }

  /** UFFDIO_ZEROPAGE. @returns how many bytes were filled, or an errno. */
  uffdZeropage(fd: Word, addr: Word, len: Word, mode: Word = 0): number | Errno {
    const args = this.#ranged(fd, addr, len, mode);
    return args === null ? EINVAL : sysUffdZeropage(args);
  }

  /** UFFDIO_WRITEPROTECT, with UFFDIO_WRITEPROTECT_MODE_*: 0 ends it. */
  uffdWriteprotect(fd: Word, addr: Word, len: Word, mode: Word): 0 | Errno {
    const args = this.#ranged(fd, addr, len, mode);
    return args === null ? EINVAL : sysUffdWriteprotect(args);
  }

  /** UFFDIO_WAKE. */
  uffdWake(fd: Word, addr: Word, len: Word): 0 | Errno {
    const args = this.#ranged(fd, addr, len, 0);
    return args === null ? EINVAL : sysUffdWake(args);
  }

  /**
   * Lets `handler` answer the faults that this worker meets in what a userfaultfd watches; null
   * lets it sleep again until another worker answers. A handler may make any call on the machine,
   * but touch nothing that is missing itself. If it leaves a fault unanswered, the worker sleeps.
   *
   * @returns EBADF, or ENOTTY for what is no userfaultfd.
   */
  onUserfault(fd: Word, handler: UserfaultHandler | null): 0 | Errno {
    this.enter();
    const file = fget(intOf(fd));
    if (file === NULL) return EBADF;
    const ctx = fileUserfaultfd(file);
    if (ctx !== NULL) setUserfaultHandler(ctx, handler);
    fput(file);
    return ctx === NULL ? ENOTTY : OK;
  }

  #ranged(fd: Word, addr: Word, len: Word, mode: Word) {
    this.enter();
    const args = { fd: intOf(fd), addr: ulongOf(addr), len: ulongOf(len), mode: ulongOf(mode) };
    return Number.isNaN(args.fd + args.addr + args.len + args.mode) ? null : args;
  }
}
