/** The userfaultfds of a run: each process makes its own when it first needs one. */
import { O_CLOEXEC, O_NONBLOCK, type Process, UFFD_FEATURE_SIGBUS } from '../../index.ts';

export class Userfaults {
  readonly #fds = new Map<Process, number>();

  /** @returns the descriptor of a process, or the errno for which it has none. */
  fd(process: Process): number {
    const known = this.#fds.get(process);
    if (known !== undefined) return known;
    const fd = process.userfaultfd(O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) process.uffdApi(fd, UFFD_FEATURE_SIGBUS);
    this.#fds.set(process, fd);
    return fd;
  }

  /** The process has exited, and with it goes what it had open. */
  close(process: Process): void {
    const fd = this.#fds.get(process);
    if (fd !== undefined && fd >= 0) process.machine.close(fd);
    this.#fds.delete(process);
  }
}
