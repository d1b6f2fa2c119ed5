/** The scenarios that are run when nobody names a file. W is a place where nothing is mapped. */
import { type EventScenario, scenarioOf } from './scenario.ts';

const ANON = 'PRIVATE|ANONYMOUS|FIXED -1 0';

const LISTS: Readonly<Record<string, readonly string[]>> = {
  'map, touch, unmap': [`mmap W 8p RW ${ANON}`, 'st W 2p 1', 'munmap W 8p'],
  'unmap the middle': [`mmap W 8p RW ${ANON}`, 'munmap W+2p 1p', 'munmap W 8p'],
  'unmap over several VMAs and holes': [
    `mmap W 2p RW ${ANON}`,
    `mmap W+4p 2p R ${ANON}`,
    `mmap W+6p 2p RW ${ANON}`,
    'munmap W+1p 6p',
  ],
  'split by mprotect, and merge again': [
    `mmap W 8p RW ${ANON}`,
    'mprotect W+4p 1p R',
    'mprotect W+4p 1p RW',
    'mprotect W 8p RW',
  ],
  'merge with both neighbours': [
    `mmap W 2p RW ${ANON}`,
    `mmap W+4p 2p RW ${ANON}`,
    `mmap W+2p 2p RW ${ANON}`,
  ],
  'map over several VMAs': [
    `mmap W 4p RW ${ANON}`,
    `mmap W+4p 4p R ${ANON}`,
    `mmap W+2p 4p NONE ${ANON}`,
    `mmap W+2p 4p RW ${ANON}`,
  ],
  'mremap in place and away': [
    `mmap W 4p RW ${ANON}`,
    'st W 4p 1',
    'mremap W 4p 6p 0 0',
    'mremap W 6p 3p 0 0',
    'mremap W 3p 3p MAYMOVE|FIXED W+16p',
    'mremap W+17p 1p 2p MAYMOVE 0',
  ],
  'brk up and down': ['brk 4p', 'brk -2p', 'brk 1p', 'brk 0'],
  'madvise and mlock': [
    `mmap W 6p RW ${ANON}`,
    'madvise W+1p 2p DONTFORK',
    'madvise W+1p 2p DOFORK',
    'madvise W 6p DONTNEED',
    'mlock W+2p 2p',
    'munlock W 6p',
  ],
  'files and shared memory': [
    'mmap W 4p R PRIVATE|FIXED 0 0',
    'mmap W+4p 4p R PRIVATE|FIXED 0 4p',
    'ld W 8p',
    'mmap W+8p 2p RW SHARED|ANONYMOUS|FIXED -1 0',
    'munmap W+3p 6p',
  ],
  'fork, copy on write, exit': [
    `mmap W 2p RW ${ANON}`,
    'st W 2p 1',
    'fork 1',
    '1: st W 1p 7',
    '1: munmap W 1p',
    '1: exit',
  ],
  'what is refused': [
    'munmap W+1 1p',
    `mmap W 0 RW ${ANON}`,
    'mprotect W 1p R',
    'mremap W 1p 2p 0 0',
  ],
};

/** @returns the built-in list. */
export const builtInScenarios = (): EventScenario[] =>
  Object.entries(LISTS).map(([name, lines]) => scenarioOf(name, lines));
