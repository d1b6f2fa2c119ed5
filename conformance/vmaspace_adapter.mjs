/**
 * What example_runner.mjs needs of an implementation, for this package: `start` makes a world with
 * its first process, `run` makes one operation in a process, `vmas` lists what it has mapped.
 *
 * It leaves out userfaultfd, threads and a few more: those scenarios are skipped.
 */
import {
  FAULT_BUS_ADRERR,
  FAULT_SEGV_ACCERR,
  FAULT_SEGV_MAPERR,
  hasFlag,
  Machine,
  PAGE_SIZE,
  VM_EXEC,
  VM_MAYSHARE,
  VM_READ,
  VM_WRITE,
  vmFlagsOfText,
} from 'vmaspace';
import { fileNumber, openFiles } from './vmaspace_files.mjs';

const SIGNALS = { [FAULT_SEGV_MAPERR]: 'S1', [FAULT_SEGV_ACCERR]: 'S2', [FAULT_BUS_ADRERR]: 'B2' };
const LIMITS = { DATA: 2, STACK: 3, NPROC: 6, MEMLOCK: 8, AS: 9 };

export const adapter = {
  start(header) {
    const { overcommit, max_map_count, mmap_min_addr } = header;
    const sysctl = { overcommit_memory: overcommit, max_map_count, mmap_min_addr };
    // A MAP_FIXED that a file refuses leaves a hole in 6.18.
    const machine = Machine.create({ protocol: { mapFixedFailure: 'leave-gap' }, sysctl });
    const processes = new Map([[0, firstProcess(machine, header)]]);
    const base = header.base.filter((vma) => vma[4] !== '[heap]').map(rangeOf);
    const world = { fds: openFiles(machine, header.files), processes, base, objects: new Map() };
    return {
      run: (p, name, words) =>
        OPERATIONS[name]?.(processes.get(p), words.map(wordOf), world) ?? null,
      vmas: (p) => vmasOf(processes.get(p), world),
    };
  },
};

/** Forked from one that had written to its heap: it does not merge with what comes behind it. */
function firstProcess(machine, { base, brk, limits, uid }) {
  const of = (name) => rangeOf(base.find((vma) => vma[4] === name));
  const parent = machine.spawn();
  const heap = of('[heap]');
  parent.exec({
    vmas: base.filter((vma) => vma[4] !== '[vsyscall]').map(firstVma),
    layout: { startBrk: heap.start, brk: parseInt(brk, 16), mmapBase: of('[vdso]').end },
  });
  for (const [name, [soft, hard]] of Object.entries(limits)) {
    parent.setRlimit(LIMITS[name], { soft: bytesOf(soft), hard: bytesOf(hard) });
  }
  if (uid !== 0) parent.setCapabilities(0);
  for (const [start] of base) parent.touch(parseInt(start, 16), 'write');
  for (const page of pages(heap.start, heap.end - heap.start)) parent.store64(page, 1n);
  return parent.fork();
}

function firstVma(vma) {
  const special = vma[4].startsWith('[v') ? { special: vma[4], pgoff: 0 } : {};
  return { ...rangeOf(vma), flags: vmFlagsOfText(vma[5]), ...special };
}

const rangeOf = ([start, end]) => ({ start: parseInt(start, 16), end: parseInt(end, 16) });
const bytesOf = (limit) => (limit < 0 ? Infinity : Number(limit));
const wordOf = (word) => (word in LIMITS ? BigInt(LIMITS[word]) : BigInt(word));

const plain = (method) => (task, args) => ({ r: task[method](...args) });

const OPERATIONS = {
  munmap: plain('munmap'),
  mprotect: plain('mprotect'),
  mremap: plain('mremap'),
  madvise: plain('madvise'),
  mlock: plain('mlock'),
  munlock: plain('munlock'),
  mlock2: plain('mlock2'),
  mlockall: plain('mlockall'),
  munlockall: plain('munlockall'),
  mseal: plain('mseal'),
  msync: plain('msync'),
  rfp: plain('remapFilePages'),
  mdwe: plain('setMdwe'),
  mmap: (task, args, { fds }) => ({ r: task.mmap(...args.with(4, fds[Number(args[4])] ?? -1)) }),
  mbind: (task, args) => ({ r: task.mbind(...args, args[2] === 0n ? 0 : 1, 0) }),
  ftrunc: (task, [file, size], { fds }) => ({
    r: task.machine.truncate(fds[Number(file)], Number(size)),
  }),
  st: (task, [addr, len, value]) => ({
    t: pages(addr, len).map((page, i) => stored(task.store64(page, value + BigInt(i)))),
  }),
  ld: (task, [addr, len]) => ({ t: pages(addr, len).map((page) => loadPage(task, page)) }),
  mincore: (task, [addr, len]) => {
    const vec = new Uint8Array(pages(addr, len).length);
    const r = task.mincore(addr, len, vec);
    return r === 0 ? { r, v: vec.join('') } : { r };
  },
  brk: (task, [delta]) => {
    const { brk } = task.layout();
    return { r: task.brk(brk + Number(delta)) - brk };
  },
  rlimit: (task, [resource, soft]) => {
    const { hard } = task.rlimit(Number(resource));
    return { r: task.setRlimit(Number(resource), { soft: bytesOf(soft), hard }) };
  },
  totals: (task) => {
    const { totalVm, lockedVm, dataVm, stackVm } = task.layout();
    return { totals: [totalVm, lockedVm, dataVm, stackVm].map((count) => count * 4) };
  },
  fork: (task, [child], { processes }) => ({ made: processes.set(Number(child), task.fork()) }),
  exit: (task) => ({ ended: task.exit() }),
};

const pages = (addr, len) =>
  Array.from(
    { length: Math.ceil(Number(len) / PAGE_SIZE) },
    (_, i) => Number(addr) + i * PAGE_SIZE,
  );

const stored = (fault) => (fault === 0 ? 1 : SIGNALS[fault]);

/** The first word, and a sum of all where it is another. */
function loadPage(task, addr) {
  const page = new Uint8Array(PAGE_SIZE);
  const done = task.read(addr, page);
  if (done < 0) return SIGNALS[done];
  // One that begins inside a page meets what the next one has, too.
  if (done < PAGE_SIZE) return SIGNALS[task.read(addr + done, page)];
  const words = new BigUint64Array(page.buffer);
  const all = words.reduce((total, word, i) => total + word * BigInt(2 * i + 1), 0n);
  const [first, sum] = [words[0], BigInt.asUintN(64, all)].map((word) => word.toString(16));
  return sum === first ? first : `${first}/${sum}`;
}

/** Start, end, permissions, offset, backing, as a record has them; without the base. */
function vmasOf(task, world) {
  const layout = task.layout();
  return task
    .vmas()
    .filter((vma) => !world.base.some(({ start, end }) => vma.start >= start && vma.end <= end))
    .map((vma) => [
      vma.start.toString(16),
      vma.end.toString(16),
      permsOf(vma.flags),
      (vma.file?.offset ?? 0).toString(16),
      backingOf(vma, layout, world),
    ]);
}

const LETTERS = [
  [VM_READ, 'r', '-'],
  [VM_WRITE, 'w', '-'],
  [VM_EXEC, 'x', '-'],
  [VM_MAYSHARE, 's', 'p'],
];
const permsOf = (flags) =>
  LETTERS.map(([flag, yes, no]) => (hasFlag(flags, flag) ? yes : no)).join('');

function backingOf({ start, end, file, name }, { startBrk, brk }, { fds, objects }) {
  if (file === null) return name ?? (start < brk && end > startBrk ? '[heap]' : '');
  const number = fileNumber(file);
  if (number >= 0 && number < fds.length) return `f${number}`;
  if (!objects.has(file.ino)) objects.set(file.ino, objects.size); // shared anonymous memory
  return `shm${objects.get(file.ino)}`;
}
