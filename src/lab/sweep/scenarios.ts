/** The corpus: one scenario for each thing that a call may have to allocate for. */
import { BRK, MMAP, MPROTECT, MREMAP, MUNMAP } from './mapping_scenarios.ts';
import { FAULTS, MADVISE, MLOCK, OTHERS, USERFAULTFD } from './page_scenarios.ts';
import { FILES, PROCESSES } from './process_scenarios.ts';
import type { Scenario } from './scenario.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...MMAP,
  ...MUNMAP,
  ...MPROTECT,
  ...MREMAP,
  ...BRK,
  ...MADVISE,
  ...MLOCK,
  ...OTHERS,
  ...FAULTS,
  ...USERFAULTFD,
  ...FILES,
  ...PROCESSES,
];
