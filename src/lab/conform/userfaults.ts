/** The userfaultfds of a run: each process makes one for all its threads when it needs it. */
import { O_CLOEXEC, O_NONBLOCK, type Process, UFFD_FEATURE_SIGBUS } from '../../index.ts';

export class Userfaults {
  /** By the number of the process. */
  readonly #fds = new Map<number, number>();

  /** @returns the descriptor of a process, or the errno for which it has none. */
  fd(process: Process): number {
    const known = this.#fds.get(process.pid);
    if (known !== undefined) return known;
    const fd = process.userfaultfd(O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) process.uffdApi(fd, UFFD_FEATURE_SIGBUS);
    this.#fds.set(process.pid, fd);
    return fd;
  }

  /** The process ends, and with it goes what it had open. */
  close(process: Process): void {
    const fd = this.#fds.get(process.pid);
    if (fd !== undefined && fd >= 0) process.machine.close(fd);
    this.#fds.delete(process.pid);
  }
}
