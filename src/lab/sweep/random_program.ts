/** Random programs: the same seed and profile, the same steps. */
import {
  CLONE_VM,
  MADV_COLD,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_HUGEPAGE,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MADV_WIPEONFORK,
  MADV_WILLNEED,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MCL_CURRENT,
  MCL_FUTURE,
  MLOCK_ONFAULT,
  MPOL_PREFERRED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  O_NONBLOCK,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROTOCOL_AXES,
  type Protocol,
  SIGCHLD,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_SIGBUS,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
} from '../../index.ts';
import { Random } from '../oracle/random.ts';
import { page, pages, START_BRK } from './place.ts';
import { PROFILES, type SweepProfile } from './profiles.ts';
import { ANON, by, map, open, RW, step, write } from './scene.ts';
import { FILE_KINDS } from './stage.ts';
import type { Step, StepName } from './step.ts';

/** Pages that programs use, and descriptors; so few that calls meet each other. */
const PLACES = 48;
const FDS = 6;
const PROGRAM_FD = 3;
const LONGEST = 8;

const PROTS = [RW, RW, RW, PROT_READ, PROT_NONE, PROT_READ | PROT_EXEC];
const ADVICE = [
  MADV_COLD,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_HUGEPAGE,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
];
const MOVES = [
  0,
  MREMAP_MAYMOVE,
  MREMAP_MAYMOVE | MREMAP_FIXED,
  MREMAP_MAYMOVE | MREMAP_FIXED,
  MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
];
const MODES = [
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
];

export interface RandomSteps {
  readonly protocol: Partial<Protocol>;
  readonly before: readonly Step[];
  readonly calls: readonly Step[];
}

/** A program of so many calls. */
export function randomSteps(seed: number, profile: SweepProfile, length: number): RandomSteps {
  const random = new Random(seed, profile);
  const calls = Array.from({ length }, (): Step => {
    const name = random.weighted<StepName>(PROFILES[profile]);
    // Mostly the first: there may be no other, and then nothing is done.
    const process = random.chance(0.75) ? 0 : random.below(3);
    return by(process, step(name, ...argsOf(name, random)));
  });
  return { protocol: protocolOf(random), before: OPENINGS, calls };
}

/** A userfaultfd that answers with signals, so that nothing sleeps; two files; some memory. */
const OPENINGS: readonly Step[] = [
  step('userfaultfd', O_NONBLOCK),
  step('uffd_api', 0, UFFD_FEATURE_SIGBUS | UFFD_FEATURE_EVENT_FORK),
  open('a regular file', LONGEST),
  open('a memfd', LONGEST),
  open('a program'),
  open('a loader'),
  map(0, 30),
  map(30, LONGEST, { flags: MAP_PRIVATE, fd: 1 }),
  map(38, LONGEST, { flags: MAP_SHARED, fd: 2 }),
  write(3),
  write(31),
];

/** Any of those there are. */
function protocolOf(random: Random): Partial<Protocol> {
  const chosen = Object.entries(PROTOCOL_AXES).map(([axis, values]) => [axis, random.pick(values)]);
  return Object.fromEntries(chosen) as Partial<Protocol>;
}

function argsOf(name: StepName, random: Random): number[] {
  const at = page(random.below(PLACES));
  const len = pages(1 + random.below(LONGEST));
  const fd = random.below(FDS);
  switch (name) {
    case 'mmap':
      return [random.chance(0.1) ? 0 : at, len, random.pick(PROTS), ...mappingOf(random)];
    case 'mprotect':
      return [at, len, random.pick(PROTS)];
    case 'mremap':
      return [at, len, pages(1 + random.below(LONGEST)), random.pick(MOVES), elsewhere(random)];
    case 'madvise':
      return [at, len, random.pick(ADVICE)];
    case 'mlock2':
      return [at, len, random.pick([0, MLOCK_ONFAULT])];
    case 'mlockall':
      return [random.pick([MCL_CURRENT, MCL_FUTURE, MCL_CURRENT | MCL_FUTURE])];
    case 'mbind':
      return [at, len, random.pick([0, MPOL_PREFERRED]), 1];
    case 'touch':
      return [at, random.below(2)];
    case 'store':
      return [at, random.below(0x10000)];
    case 'name':
      return [at, len, random.below(3)];
    case 'brk':
      return [START_BRK + pages(random.below(LONGEST))];
    case 'open':
      return [random.below(FILE_KINDS.length), LONGEST];
    case 'clone':
      return [random.pick([0, CLONE_VM]) | SIGCHLD];
    case 'exec':
      return [random.below(LONGEST)];
    case 'execve':
      return [PROGRAM_FD, PROGRAM_FD + 1];
    case 'close':
    case 'reopen':
    case 'fsync':
    case 'uffd_read':
      return [name === 'uffd_read' ? 0 : fd];
    case 'pwrite':
    case 'pread':
    case 'punch_hole':
      return [fd, pages(random.below(LONGEST)) + random.below(2) * 100, len];
    case 'truncate':
      return [fd, random.below(pages(2 * LONGEST))];
    case 'uffd_register':
      return [0, at, len, random.pick(MODES)];
    case 'uffd_copy':
      return [0, at, elsewhere(random), len];
    case 'uffd_writeprotect':
      return [0, at, len, random.below(2)];
    case 'uffd_unregister':
    case 'uffd_zeropage':
      return [0, at, len];
    default:
      return [at, len]; // those that take a range, or nothing
  }
}

const elsewhere = (random: Random): number => page(random.below(PLACES));

/** Flags, descriptor, offset. */
function mappingOf(random: Random): number[] {
  const extra = random.pick([0, 0, 0, 0, MAP_POPULATE, MAP_LOCKED]) | MAP_FIXED;
  if (random.chance(0.3)) {
    const type = random.pick([MAP_SHARED, MAP_PRIVATE]);
    return [type | extra, 1 + random.below(FDS), pages(random.below(LONGEST))];
  }
  const type = random.pick([ANON, ANON, ANON, ANON | MAP_GROWSDOWN, MAP_SHARED | MAP_ANONYMOUS]);
  return [type | extra, -1, 0];
}
