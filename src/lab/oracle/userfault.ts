import { deniedCall } from './oracle_error.ts';
import type { Subject } from './subject.ts';

const O_CLOEXEC_NONBLOCK = 0x80800;
const UFFD_API = 0xaan;
const UFFD_FEATURE_SIGBUS = 1n << 7n;
const UFFDIO_API = 0xc018aa3f;
const IOCTLS = { register: 0xc020aa00, unregister: 0x8010aa01 } as const;

/**
 * Registers or unregisters a range with the process's own userfaultfd, made when first needed,
 * which answers faults with SIGBUS.
 *
 * @returns the ioctl's result.
 */
export function ioctlUserfault(
  subject: Subject,
  which: keyof typeof IOCTLS,
  [addr = 0n, len = 0n, mode = 0n]: readonly bigint[],
): number {
  const fd = (subject.userfault.fd ??= openUserfault(subject));
  const argument = pokeWords(subject, [addr, len, mode, 0n]);
  return Number(subject.kernel.call('ioctl', fd, IOCTLS[which], argument));
}

function openUserfault(subject: Subject): number {
  const { kernel } = subject;
  const fd = Number(kernel.call('userfaultfd', O_CLOEXEC_NONBLOCK));
  // To others than root the kernel itself may refuse it, which is an answer.
  if (fd < 0 && kernel.call('geteuid') === 0) throw deniedCall('userfaultfd', fd);
  const argument = pokeWords(subject, [UFFD_API, UFFD_FEATURE_SIGBUS, 0n]);
  kernel.call('ioctl', fd, UFFDIO_API, argument);
  return fd;
}

function pokeWords(subject: Subject, words: readonly bigint[]): number {
  const bytes = Buffer.alloc(words.length * 8);
  words.forEach((word, i) => bytes.writeBigUInt64LE(word, i * 8));
  return subject.kernel.poke(0, bytes);
}
