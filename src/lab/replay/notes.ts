/** What a replay had to assume or leave out: never a disagreement, always told. */

const TEXTS = {
  'no-faults':
    'no page faults were recorded (faults.txt): nothing shows which pages were written. Assumed: ' +
    'none, so that they hinder no merge; before a fork, all',
  'fault-clock':
    'the times of faults.txt are not those of the log, so the faults were not used. Assumed: ' +
    'none, so that they hinder no merge; before a fork, all',
  'anon-merges': 'merges would have been refused by the kernel, had both sides been written before',
  'start-from-log':
    'processes were started without recorded maps: only what the log shows is known',
  'start-from-ends': 'processes have no start maps: what exec mapped was taken from their end maps',
  'start-from-elf':
    'processes were started from the ELF files of this machine, placed as the log shows',
  'assumed-mapped':
    'ranges must have been mapped before the log shows it, as later calls on them succeeded',
  'assumed-occupied':
    'places must have been taken before the log shows it, as the kernel passed over them',
  'file-access':
    'shared mappings of files that the log does not show being opened: taken for opened read-only when only read',
  'no-align': 'file systems do not align large mappings to 2 MiB',
  'no-thp': 'large anonymous mappings are not aligned to 2 MiB: transparent huge pages are off',
  'no-anon-names': 'the kernel was built without names for anonymous memory (CONFIG_ANON_VMA_NAME)',
  'stack-grown': 'stacks were grown to the size in the end maps, as nothing shows when they grew',
  'smaps-cut': 'files of end smaps stop early, and were compared as far as they go',
  'random-32bit': 'mappings with MAP_32BIT lie where the kernel put them at random',
  reordered:
    'groups of overlapping calls were put in another order than that of their lines, which their answers imply',
  unordered: 'groups of overlapping calls have no order in which all answers agree',
  'pages-passed-over':
    'mappings of files have fewer pages present in the kernel: of the neighbours that a fault maps as well it ' +
    'passed over some, which were not in its page cache, locked, marked for readahead, or behind the end of the file',
  'pages-large-folio':
    'mappings of files have more pages present in the kernel: its page cache holds several pages as one ' +
    '(large folios), and a fault maps them whole, also where they reach beyond its window of 64 KiB',
  'pages-ran-on':
    'mappings have more pages present in the kernel: other threads still ran while they were counted',
  'pages-arguments':
    'stacks have more pages present in the kernel: exec leaves a random gap below the arguments that it writes',
  'pages-out-of-order':
    'mappings have more pages present in the kernel: recorded faults of them met SIGSEGV here, as their times ' +
    'in faults.txt do not fit those of the calls around them',
  'pages-unrecorded':
    'mappings have more pages present in the kernel than the recorded faults explain: it made them present ' +
    'without a fault (a huge page, memory that a call pinned), or faults.txt is not whole',
  lost: 'calls never returned, or the log does not show it: nothing to compare',
  injected: 'calls were answered by strace itself (inject): not made',
  sigchld:
    'programs had no child to wait for though some had ended: taken for ignoring SIGCHLD, which the log does not show',
  'unknown-thread':
    'threads whose creation the log does not show were taken for threads of the process before them',
  'unknown-program': 'processes were already running, or their creation is not in the log',
} as const;

export type NoteKind = keyof typeof TEXTS;

export interface Note {
  readonly kind: NoteKind;
  readonly count: number;
  readonly text: string;
}

export class Notes {
  readonly #counts = new Map<NoteKind, number>();

  add(kind: NoteKind, count = 1): void {
    if (count > 0) this.#counts.set(kind, this.count(kind) + count);
  }

  count(kind: NoteKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  list(): Note[] {
    return [...this.#counts].map(([kind, count]) => ({ kind, count, text: TEXTS[kind] }));
  }
}
