/** Operations a program is made of; `sweep`, `maps` and `base` are added by the recorder's side. */
export type OperationName =
  | 'mmap'
  | 'munmap'
  | 'mprotect'
  | 'mremap'
  | 'madvise'
  | 'st'
  | 'ld'
  | 'mlock'
  | 'munlock'
  | 'mlock2'
  | 'mseal'
  | 'msync'
  | 'rfp'
  | 'mbind'
  | 'mincore'
  | 'brk'
  | 'uffd'
  | 'unuffd'
  | 'pwrite'
  | 'ftrunc'
  | 'punch'
  | 'addseals'
  | 'rlimit'
  | 'mlockall'
  | 'munlockall'
  | 'mdwe'
  | 'personality'
  | 'pkeymprotect'
  | 'totals'
  | 'fork'
  | 'exit';

export type Weights = Readonly<Partial<Record<OperationName, number>>>;

/** What kind of program to generate. */
export interface Profile {
  readonly weights: Weights;
  /** Probability that an mmap gives no address. */
  readonly noHint: number;
  /** Probability that an mmap is of a file. */
  readonly fromFile: number;
  /** Probability that an operation gets arguments chosen to be refused. */
  readonly bad: number;
  /** Probability that a private anonymous mmap grows down. */
  readonly growsDown: number;
  /** Probability that a madvise installs or removes guards. */
  readonly guard: number;
  readonly processes: number;
  /** Run as a user without rights, whom limits concern; by root only. */
  readonly unprivileged: boolean;
}

const COMMON: Weights = {
  mmap: 23,
  munmap: 9,
  mprotect: 14,
  mremap: 9,
  madvise: 13,
  st: 14,
  ld: 5,
  mlock: 1.5,
  munlock: 1.2,
  mlock2: 1,
  msync: 0.7,
  rfp: 0.6,
  mbind: 1,
  mincore: 0.9,
  brk: 1,
  pwrite: 0.8,
  totals: 1,
};

const CORE: Profile = {
  weights: COMMON,
  noHint: 0.2,
  fromFile: 0.28,
  bad: 0.02,
  growsDown: 0,
  guard: 0.05,
  processes: 1,
  unprivileged: false,
};

/** What is seldom asked for. */
const ODD: Weights = { mseal: 0.5, uffd: 0.5, pkeymprotect: 2, personality: 0.3, mdwe: 0.1 };

/** What limits concern, and what changes them. */
const LIMITS: Weights = {
  rlimit: 6,
  mlock: 5,
  mlockall: 2,
  munlockall: 1,
  munlock: 3,
  brk: 4,
  totals: 4,
  fork: 0.5,
  mdwe: 0.1,
};

const PROFILE_TABLE = {
  core: CORE,
  anonvma: {
    ...CORE,
    weights: { ...COMMON, mmap: 16, st: 23, mprotect: 20, mremap: 12, munmap: 10 },
    fromFile: 0.1,
  },
  files: {
    ...CORE,
    weights: {
      ...COMMON,
      pwrite: 5,
      rfp: 3,
      msync: 2,
      ftrunc: 1.5,
      mincore: 1.5,
      punch: 1.5,
      addseals: 0.3,
    },
    fromFile: 0.65,
  },
  fork: { ...CORE, weights: { ...COMMON, fork: 4, exit: 1, st: 18, ld: 8 }, processes: 5 },
  mlock: {
    ...CORE,
    weights: { ...COMMON, mlock: 8, munlock: 8, mlock2: 4, mremap: 11, totals: 3 },
  },
  seal: { ...CORE, weights: { ...COMMON, mseal: 3 } },
  guard: { ...CORE, weights: { ...COMMON, madvise: 20 }, guard: 0.4 },
  growsdown: { ...CORE, growsDown: 0.35, weights: { ...COMMON, st: 17, ld: 7 } },
  uffd: { ...CORE, weights: { ...COMMON, uffd: 4, unuffd: 1.5 } },
  errors: { ...CORE, bad: 0.3, weights: { ...COMMON, ...ODD, st: 9, ld: 4 } },
  nohint: { ...CORE, noHint: 0.92, fromFile: 0.12 },
  limits: {
    ...CORE,
    weights: { ...COMMON, ...LIMITS },
    growsDown: 0.05,
    processes: 3,
    unprivileged: true,
  },
  mixed: {
    ...CORE,
    weights: { ...COMMON, fork: 2, exit: 0.5, uffd: 1, unuffd: 0.5, mseal: 0.3, ftrunc: 0.5 },
    bad: 0.05,
    growsDown: 0.08,
    guard: 0.15,
    processes: 4,
  },
} satisfies Record<string, Profile>;

export type ProfileName = keyof typeof PROFILE_TABLE;

/** The names of all profiles. */
export const PROFILE_NAMES = Object.keys(PROFILE_TABLE) as ProfileName[];

/** True when a profile is called so. */
export function isProfileName(name: string): name is ProfileName {
  return name in PROFILE_TABLE;
}

/** The profile of this name. */
export function profileNamed(name: ProfileName): Profile {
  return PROFILE_TABLE[name];
}
