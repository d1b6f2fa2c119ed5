/**
 * Where the fixed parts of the arena lie. All numbers are words of 4 bytes.
 *
 *   0         256                                                              H_RAM_AT
 *   ┌─────────┬─────────────┬───────────┬───────────┬────────────────────────────┬────────┐
 *   │ header  │ caches      │ per-CPU   │ rings     │ objects, handed out        │ frames │
 *   │ 16 * 16 │ CACHES * 16 │ CPUS*1024 │ CPUS*8192 │ upwards, in chunks         │        │
 *   └─────────┴─────────────┴───────────┴───────────┴────────────────────────────┴────────┘
 *
 * A line is 64 bytes. Words that different workers write are kept on different
 * lines: sharing one costs a factor of three to four.
 */
export const LINE = 16;

export const MAGIC = 0x564d4153; // "VMAS"
export const FORMAT = 3;

/** How many workers can be attached at one time. */
export const CPUS = 64;
export const CACHES = 32;
export const CACHE_WORDS = LINE;
export const CPU_WORDS = 1024;
export const RING_RECORDS = 1024;
export const RING_WORDS = RING_RECORDS * 8;

// Header.
export const H_MAGIC = 0;
export const H_FORMAT = 1;
export const H_WORDS = 2; // size of the arena in words
export const H_TRACE_MASK = 3; // events that are being recorded
export const H_DRIVERS = 4; // the table of drivers' names: see file/driver_table.ts
export const H_PROTOCOL = 5; // a word for each axis, up to the next line: see mm/protocol.ts
export const H_BRK = 1 * LINE; // (a) first word that no cache has taken yet
export const H_RCU_EPOCH = 2 * LINE; // (a)
export const H_FILES = 3 * LINE; // (a) the table of open files: see file/files.ts
export const H_SHMEM_INO = 3 * LINE + 2; // (a) inode numbers of shared anonymous memory
export const H_HOST = 3 * LINE + 3; // 1 when files of a host can be opened: see file/host.ts
export const H_HOST_INODES = 3 * LINE + 4; // (a) lock, head: see file/host_inodes.ts
export const H_SYSCTL = 4 * LINE; // doubles: see mm/sysctl.ts
export const H_RAM_AT = 8 * LINE; // first word of frame 0
export const H_FRAMES = 8 * LINE + 1; // how many frames there are
export const H_MEM_MAP = 8 * LINE + 2; // the descriptors of the frames: see page/page_struct.ts
export const H_CPUS_SEEN = 8 * LINE + 3; // (a) every worker that ever attached has a lower number
export const H_RESTORES = 8 * LINE + 4; // how often a saved state was restored
export const H_TURN = 8 * LINE + 5; // (a) the worker that is alone here: see arena/turn.ts
export const H_PAGES_BRK = 9 * LINE; // (a) first descriptor that nobody has taken yet
export const H_PAGES_END = 9 * LINE + 1;
export const H_SHADOW_AT = 9 * LINE + 2; // in a checked build: where its shadow begins, else 0
export const H_FAIL = 10 * LINE; // (a) which allocations are to fail: see slab/fail.ts
export const H_TASKLIST = 12 * LINE; // (a) lock, tasks, numbers: see task/tasklist.ts
export const H_RANDOM = 13 * LINE; // (a) numbers drawn so far; two words of seed: see random.ts
export const H_MMLIST = 14 * LINE; // (a) lock, first mm: see mm/mmlist.ts
export const H_TICKETS = 14 * LINE + 4; // (a) of who waits in line: see sync/wait_line.ts
export const H_WARNED = 15 * LINE; // (a) a bit for each warning: see trace/warn.ts
export const H_FORK_FAILURE = 15 * LINE + 1; // (a) step, VMAs before it: see task/fork_failure.ts

export const CACHES_AT = 16 * LINE;
export const CPUS_AT = CACHES_AT + CACHES * CACHE_WORDS;
export const RINGS_AT = CPUS_AT + CPUS * CPU_WORDS;
export const HEAP_AT = RINGS_AT + CPUS * RING_WORDS;

// One per-CPU area: offsets from its first word.
export const C_CLAIMED = 0; // (a)   whose it is: see arena/cpu.ts
export const C_CURRENT = 1; //       the task this worker runs
export const C_RCU_NESTING = 2; //   depth of read sections
export const C_RING_NEXT = 3; //     how many events this worker has recorded
export const C_VERDICT = 4; //       why the last check or merge said no: 12 words
export const C_RCU_EPOCH = 1 * LINE; // (a) epoch of the open read section, or 0
export const C_STORING = 1 * LINE + 1; // (a) the mm that is being stored to, or 0: see page/tlb.ts
export const C_LIFE = 1 * LINE + 2; // (a) how many workers have had it
export const C_USERFAULT = 1 * LINE + 3; // the userfaultfd_ctx whose answer it waits for
export const C_COMMITTED = 2 * LINE; // pages charged less uncharged here, a double
export const C_COUNTERS = 3 * LINE; // doubles
export const C_SLABS = 8 * LINE; // CACHES free lists
export const SLAB_WORDS = LINE;
export const C_HELD = 40 * LINE; // how many locks this worker holds, and which: sync/held_locks.ts
export const HELD_MAX = 31;
export const C_WAITS_FOR = 44 * LINE; // (a) the lock it stands in line for, or 0
export const C_WAIT_TICKET = 44 * LINE + 1; // (a)
export const C_WAIT_MODE = 44 * LINE + 2; // (a)
export const C_WAKE = 45 * LINE; // (a) moves when it should look again
