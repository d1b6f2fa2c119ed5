/**
 * Reading a userfaultfd: faults first, then events.
 *
 * Source: fs/userfaultfd.c, userfaultfd_ctx_read(), v6.18.
 */
import { EAGAIN, EBADF, EDEADLK, EINVAL, type Errno, isErr } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { maySleep } from '../arena/sleep.ts';
import { fget } from '../file/fd_table.ts';
import { fileUserfaultfd, fput } from '../file/file_struct.ts';
import {
  isUserfaultfdInitialized,
  userfaultfdArrivals,
  type UserfaultfdEvent,
  userfaultfdFlags,
  userfaultfdPutBack,
  userfaultfdTake,
  userfaultfdUnreserve,
  userfaultfdWait,
} from '../file/userfaultfd_ctx.ts';
import { type Userfault, userfaultfdTakeFault } from '../file/userfaultfd_fault.ts';
import {
  O_NONBLOCK,
  UFFD_EVENT_FORK,
  UFFD_EVENT_REMAP,
  UFFD_EVENT_REMOVE,
} from '../file/userfaultfd_values.ts';
import type { UserfaultfdCtx } from '../mm/vma_struct.ts';
import { enterSyscall } from './entry.ts';
import { installUserfaultfd } from './userfaultfd.ts';

/** One message, as read(2) gives it. Addresses in bytes, ends exclusive. */
export type UffdMessage =
  /** Somebody waits for a page: `flags` are UFFD_PAGEFAULT_FLAG_*. */
  | ({ readonly event: 'pagefault' } & Userfault)
  | { readonly event: 'unmap' | 'remove'; readonly start: number; readonly end: number }
  | { readonly event: 'remap'; readonly from: number; readonly to: number; readonly len: number }
  /** `fd` is the child's own userfaultfd, ready to use. */
  | { readonly event: 'fork'; readonly fd: number };

/**
 * Takes the oldest fault, or the oldest event. Without O_NONBLOCK it sleeps until there is one.
 *
 * @returns it; EAGAIN when there is none; EINVAL before UFFDIO_API and for what is no
 *   userfaultfd; EBADF; EDEADLK on a thread that may not sleep; of a fork, ENOMEM or EMFILE, with
 *   the event still there.
 */
export function sysUffdRead(fd: number): UffdMessage | Errno {
  enterSyscall();
  const file = fget(fd);
  if (file === NULL) return EBADF;
  const ctx = fileUserfaultfd(file);
  const message = ctx === NULL || !isUserfaultfdInitialized(ctx) ? EINVAL : readMessage(ctx);
  fput(file);
  return message;
}

function readMessage(ctx: UserfaultfdCtx): UffdMessage | Errno {
  const sleeps = (userfaultfdFlags(ctx) & O_NONBLOCK) === 0;
  // Ends with the first message: each round means that another reader took it.
  for (;;) {
    const seen = userfaultfdArrivals(ctx);
    const fault = userfaultfdTakeFault(ctx);
    if (fault !== null) return { event: 'pagefault', ...fault };
    const event = userfaultfdTake(ctx);
    if (event !== null) return handOver(ctx, event);
    if (!sleeps) return EAGAIN;
    if (!maySleep) return EDEADLK;
    userfaultfdWait(ctx, seen);
  }
}

/** The event is gone for good only when its reader has all of it. */
function handOver(ctx: UserfaultfdCtx, event: UserfaultfdEvent): UffdMessage | Errno {
  const fd = event.forked === NULL ? 0 : installUserfaultfd(event.forked);
  if (isErr(fd)) {
    userfaultfdPutBack(ctx, event);
    return fd;
  }
  userfaultfdUnreserve(ctx);
  return messageOf(event, fd);
}

function messageOf({ type, start, end, len }: UserfaultfdEvent, fd: number): UffdMessage {
  if (type === UFFD_EVENT_FORK) return { event: 'fork', fd };
  if (type === UFFD_EVENT_REMAP) return { event: 'remap', from: start, to: end, len };
  return { event: type === UFFD_EVENT_REMOVE ? 'remove' : 'unmap', start, end };
}
