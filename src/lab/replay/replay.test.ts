import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentOf, isOk, summaryOf } from './document.ts';
import { parseFaults } from './faults.ts';
import { type MapsLine, parseMaps } from './maps_text.ts';
import type { Recording } from './recording.ts';
import { openRecording } from './recording_files.ts';
import { replay, type ReplayOptions, type ReplayResult } from './replay.ts';
import { reportText } from './report_text.ts';

const OPTIONS: ReplayOptions = {
  sysctl: {},
  until: Infinity,
  elfImages: null,
  progress: () => undefined,
};

interface Parts {
  readonly log: string;
  readonly start?: string;
  readonly end?: string;
  readonly faults?: string;
}

/** Cuts a log where no line ends. */
function pieces(text: string): AsyncIterable<string> {
  return Readable.from(text.match(/[^]{1,100}/g) ?? []);
}

function mapsOf(text: string | undefined): Map<number, MapsLine[]> {
  if (text === undefined) return new Map();
  const lines = parseMaps(text.trimStart());
  if (!Array.isArray(lines)) throw new Error(`${lines.reason} in line ${lines.line}`);
  return new Map([[1, lines]]);
}

function run(
  { log, start, end, faults }: Parts,
  sysctl: ReplayOptions['sysctl'] = {},
): Promise<ReplayResult> {
  const recording: Recording = {
    name: 'test',
    log: pieces(`${log.trim()}\n`),
    logBytes: null,
    startMaps: mapsOf(start),
    laterStartMaps: new Map(),
    settings: new Map(),
    endMaps: mapsOf(end),
    endSmaps: new Map(),
    faults: faults === undefined ? null : parseFaults(faults),
    troubles: [],
  };
  return replay(recording, { ...OPTIONS, sysctl });
}

const START = `
1 execve("/bin/x", ["x"], 0x7ffc /* 1 var */) = 0
1 brk(NULL) = 0x555555600000
1 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc0000`;
const THREAD = '1 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, exit_signal=0}, 88) = 2';
const MAP_PAGE = 'mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0';
const START_MAPS = `
555555554000-555555556000 rw-p 00000000 fe:00 7                          /bin/x
7ffff7fc2000-7ffff7fc4000 r-xp 00000000 00:00 0                          [vdso]
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
`;

const kinds = (result: ReplayResult): string[] => result.findings.map(({ kind }) => kind);
const noted = (result: ReplayResult, kind: string): number =>
  result.notes.find((note) => note.kind === kind)?.count ?? 0;

describe('the example recording', () => {
  const path = fileURLToPath(new URL('../../../examples/python-import', import.meta.url));

  it('agrees in every answer, and with the maps and flags at the end', async () => {
    const result = await replay(openRecording(path), OPTIONS);
    expect(result.findings).toEqual([]);
    expect(summaryOf(result)).toMatchObject({
      calls: 132,
      agreed: 132,
      disagreed: 0,
      skipped: 0,
      processes: 1,
      processesCompared: 1,
      mapsAgreed: 1,
    });
  });

  it('is told in text and in one document', async () => {
    const result = await replay(openRecording(path), OPTIONS);
    const text = reportText([result], (_, words) => words);
    expect(text).toContain('132 of 132 calls agree');
    expect(text).toContain('1 of 1 recorded end maps agree');
    expect(documentOf([result])).toMatchObject({
      schema: 'vmaspace-replay/1',
      ok: true,
      findings: [],
    });
  });

  it('agrees without its faults and start maps too', async () => {
    const recording = { ...openRecording(path), faults: null, startMaps: new Map() };
    const result = await replay(recording, OPTIONS);
    expect(result.findings).toEqual([]);
    expect(noted(result, 'no-faults')).toBe(1);
    expect(noted(result, 'start-from-ends')).toBe(1);
  });
});

describe('calls that overlap', () => {
  it('are put in the order that their answers imply', async () => {
    const log = `${START}
${THREAD}
1 munmap(0x7ffff7fc0000, 4096 <unfinished ...>
2 ${MAP_PAGE} <unfinished ...>
1 <... munmap resumed>) = 0
2 <... mmap resumed>) = 0x7ffff7fbf000
1 ${MAP_PAGE}) = 0x7ffff7fc0000`;
    const result = await run({ log });
    expect(result.findings).toEqual([]);
    expect(noted(result, 'reordered')).toBe(1);
  });

  it('disagree when no order explains the answers', async () => {
    const log = `${START}
${THREAD}
1 munmap(0x7ffff7fc0000, 4096 <unfinished ...>
2 ${MAP_PAGE} <unfinished ...>
1 <... munmap resumed>) = 0
2 <... mmap resumed>) = 0x7ffff7aaa000`;
    const result = await run({ log });
    expect(kinds(result)).toEqual(['result']);
    expect(noted(result, 'unordered')).toBe(1);
  });

  it('are not reordered across a call that was over before', async () => {
    const log = `${START}
${THREAD}
1 munmap(0x7ffff7fc0000, 4096) = 0
2 ${MAP_PAGE}) = 0x7ffff7fbf000`;
    const result = await run({ log });
    expect(kinds(result)).toEqual(['result']);
  });
});

describe('an end while others go on', () => {
  const SECOND = '7ffff7fc0000-7ffff7fc2000 rw-p 00000000 00:00 0 \n';
  const END = START_MAPS.replace('7ffff7fc2000-', `${SECOND}7ffff7fc2000-`);

  it.each([
    ['before a call that comes between', `2 munmap(0x7ffff7fc0000, 8192) = 0`],
    [
      'amid calls that overlap',
      `2 munmap(0x7ffff7fc1000, 4096 <unfinished ...>
3 munmap(0x7ffff7fc0000, 4096) = 0
2 <... munmap resumed>) = 0`,
    ],
  ])('is what the maps showed %s', async (_, between) => {
    const log = `${START}
${THREAD}
${THREAD.replace('= 2', '= 3')}
1 exit_group(0 <unfinished ...>
${between}
1 <... exit_group resumed>) = ?
3 +++ exited with 0 +++
2 +++ exited with 0 +++
1 +++ exited with 0 +++`;
    const end = between.includes('3 munmap') ? END.replace('7ffff7fc0000-', '7ffff7fc1000-') : END;
    const result = await run({ log, start: START_MAPS, end, faults: '' });
    expect(result.findings).toEqual([]);
  });
});

describe('descriptors of overlapping calls', () => {
  const FILE = '/usr/lib/x.so';

  it('a file is mapped though it is closed before the call can be placed in the order', async () => {
    const log = `${START}
${THREAD}
2 madvise(0x7ffff7fc0000, 4096, MADV_DONTNEED <unfinished ...>
1 openat(AT_FDCWD, "${FILE}", O_RDONLY) = 3<${FILE}>
1 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3<${FILE}>, 0) = 0x7ffff7fbf000
1 close(3<${FILE}>) = 0
2 <... madvise resumed>) = 0`;
    const result = await run({ log });
    expect(result.findings).toEqual([]);
    expect(summaryOf(result)).toMatchObject({ disagreed: 0, calls: 4 });
  });

  it('what was opened under a number before close() of it came back stays open', async () => {
    const log = `${START}
${THREAD}
1 openat(AT_FDCWD, "/a", O_RDWR) = 3</a>
1 close(3</a> <unfinished ...>
2 openat(AT_FDCWD, "/b", O_RDONLY) = 3</b>
1 <... close resumed>) = 0
2 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</b>, 0) = -1 EACCES (Permission denied)`;
    const result = await run({ log });
    expect(result.findings).toEqual([]);
    expect(noted(result, 'file-access')).toBe(0);
  });
});

describe('processes', () => {
  it('a child whose lines come before fork returns has a copy', async () => {
    const log = `${START}
1 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD <unfinished ...>
2 munmap(0x7ffff7fc0000, 4096) = 0
1 <... clone resumed>, child_tidptr=0x7f) = 2
2 ${MAP_PAGE}) = 0x7ffff7fc0000
1 ${MAP_PAGE}) = 0x7ffff7fbf000
2 exit_group(0) = ?
2 +++ exited with 0 +++
1 exit_group(0) = ?
1 +++ exited with 0 +++`;
    const result = await run({ log });
    expect(result.findings).toEqual([]);
    expect(result.programs.map(({ pid, calls, end }) => [pid, calls, end])).toEqual([
      [1, 3, 'exited with 0'],
      [2, 2, 'exited with 0'],
    ]);
  });

  it('a vfork child shares the memory until it execs', async () => {
    const log = `${START}
1 vfork( <unfinished ...>
2 munmap(0x7ffff7fc0000, 4096) = 0
2 execve("/bin/y", ["y"], 0x7ffc <unfinished ...>
1 <... vfork resumed>) = 2
2 <... execve resumed>) = 0
2 brk(NULL) = 0x555555700000
2 ${MAP_PAGE}) = 0x7ffff7aaa000
1 ${MAP_PAGE}) = 0x7ffff7fc0000
2 +++ exited with 0 +++`;
    const result = await run({ log });
    expect(result.findings).toEqual([]);
    expect(result.programs.map(({ command }) => command)).toEqual(['x', 'y']);
  });

  const FORK = 'clone(child_stack=NULL, flags=SIGCHLD';
  const ended = (status: number): string => `[{WIFEXITED(s) && WEXITSTATUS(s) == ${status}}]`;

  it.each([
    ['agree', 'exited with 3', ended(3), 0],
    ['are killed alike', 'killed by SIGTERM', '[{WIFSIGNALED(s) && WTERMSIG(s) == SIGTERM}]', 0],
    ['differ', 'exited with 3', ended(4), 1],
  ])('ends that are waited for %s', async (_what, end, status, findings) => {
    const log = `${START}
1 ${FORK}, child_tidptr=0x7f) = 2
1 wait4(-1, 0x7f, WNOHANG, NULL) = 0
1 wait4(-1, <unfinished ...>
2 +++ ${end} +++
1 <... wait4 resumed>${status}, 0, NULL) = 2
1 wait4(-1, 0x7f, WNOHANG, NULL) = -1 ECHILD (No child processes)`;
    expect(kinds(await run({ log }))).toEqual(Array.from({ length: findings }, () => 'result'));
  });

  it('a child that is still there is a finding where the kernel had none', async () => {
    const log = `${START}
1 ${FORK}, child_tidptr=0x7f) = 2
1 wait4(-1, 0x7f, 0, NULL) = -1 ECHILD (No child processes)`;
    expect(kinds(await run({ log }))).toEqual(['result']);
  });

  it.each([
    ['by the log', 'rt_sigaction(SIGCHLD, {sa_handler=SIG_IGN, sa_mask=[]}, NULL, 8) = 0\n1 ', 0],
    [
      'as SA_NOCLDWAIT',
      'rt_sigaction(SIGCHLD, {sa_handler=0x5, sa_flags=SA_NOCLDWAIT}, 0, 8) = 0\n1 ',
      0,
    ],
    ['by what can be seen alone', '', 1],
  ])('children that are ignored %s leave nothing to wait for', async (_how, ignoring, notes) => {
    const log = `${START}
1 ${ignoring}${FORK}, child_tidptr=0x7f) = 2
2 +++ exited with 0 +++
1 wait4(-1, 0x7f, 0, NULL) = -1 ECHILD (No child processes)`;
    const result = await run({ log });
    expect(result.findings).toEqual([]);
    expect(noted(result, 'sigchld')).toBe(notes);
  });

  it('the children of one that ended are init’s, and what waitid() took is gone', async () => {
    const log = `${START}
1 ${FORK}, child_tidptr=0x7f) = 2
2 ${FORK}, child_tidptr=0x7f) = 3
2 +++ exited with 0 +++
1 waitid(P_PID, 2, {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=2, si_status=0}, WEXITED, NULL) = 0
3 ${MAP_PAGE}) = 0x7ffff7fbf000
1 wait4(-1, 0x7f, 0, NULL) = -1 ECHILD (No child processes)
3 +++ exited with 1 +++`;
    expect((await run({ log })).findings).toEqual([]);
  });

  it('a process ends as its last thread does, whether the leader has ended before or not', async () => {
    const log = `${START}
1 ${FORK}, child_tidptr=0x7f) = 5
5 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD, exit_signal=0}, 88) = 6
5 +++ exited with 1 +++
6 ${MAP_PAGE}) = 0x7ffff7fbf000
6 +++ exited with 9 +++
1 wait4(5, ${ended(9)}, 0, NULL) = 5`;
    expect((await run({ log })).findings).toEqual([]);
  });

  it('an exec by a thread ends the others, and goes on as the leader', async () => {
    const log = `${START}
1 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD, exit_signal=0}, 88) = 2
2 execve("/bin/y", ["y"], 0x7ffc <pid changed to 1 ...>
1 +++ superseded by execve in pid 2 +++
1 <... execve resumed>) = 0
1 brk(NULL) = 0x555555700000
1 ${MAP_PAGE}) = 0x7ffff7aaa000
1 ${MAP_PAGE}) = 0x7ffff7aa9000`;
    const result = await run({ log });
    expect(result.findings).toEqual([]);
    expect(result.programs.map(({ pid, command, calls }) => [pid, command, calls])).toEqual([
      [1, 'y', 5],
    ]);
  });

  it('a fork that the kernel refused is refused for the same reason', async () => {
    const big = 0x100000000;
    const map = (at: number): string =>
      `1 mmap(0x${at.toString(16)}, ${big}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x${at.toString(16)}`;
    const log = `${START}
${map(2 ** 40)}
${map(2 ** 40 + big)}
1 ${FORK}, child_tidptr=0x7f) = -1 ENOMEM (Cannot allocate memory)
1 clone(child_stack=NULL, flags=CLONE_THREAD|SIGCHLD) = -1 EINVAL (Invalid argument)
1 clone(child_stack=NULL, flags=CLONE_NEWUSER|SIGCHLD) = -1 EPERM (Operation not permitted)
1 ${FORK}, child_tidptr=0x7f) = -1 ENOMEM (Injected) (INJECTED)`;
    const small = await run({ log }, { totalram_pages: (big / 4096) * 1.5 });
    expect(small.findings).toEqual([]);
    expect(summaryOf(small)).toMatchObject({ calls: 6, agreed: 6 });
    const large = await run({ log });
    expect(kinds(large)).toEqual(['result']);
    expect(large.findings[0]).toMatchObject({ recorded: 'ENOMEM', engine: 'a process' });
  });

  it('a log that begins in the middle says so', async () => {
    const result = await run({ log: 'mprotect(0x7ffff7aaa000, 4096, PROT_READ) = 0' });
    expect(result.findings).toEqual([]);
    expect(noted(result, 'assumed-mapped')).toBe(1);
    expect(noted(result, 'unknown-program')).toBe(1);
  });
});

describe('page faults', () => {
  const time = (n: number): string => `1795163263.${String(n).padStart(6, '0')}`;
  const stamp = (text: string): string =>
    text
      .trim()
      .split('\n')
      .map((line, i) => line.replace(/^1 /, `1 ${time(i * 10)} `))
      .join('\n');
  const page = (n: number): string => `0x7ffff7a0${n}000`;
  const fixed = (n: number): string =>
    `1 mmap(${page(n)}, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = ${page(n)}`;
  const log = stamp(`${START}\n${fixed(0)}\n${fixed(2)}\n1 brk(NULL) = 0x555555600000\n${fixed(1)}
1 exit_group(0) = ?
1 +++ exited with 0 +++`);
  const vmasAtEnd = async (faults: string): Promise<number> =>
    (await run({ log, faults, start: START_MAPS })).programs[0]?.vmasAtEnd ?? 0;

  it('decide whether what lies between two mappings joins both', async () => {
    const written = `1 ${time(45)} ${page(0)} 0x6\n1 ${time(46)} ${page(2)} 0x6\n`;
    const read = written.replaceAll('0x6', '0x4');
    const whole = await vmasAtEnd(read);
    expect(await vmasAtEnd(written)).toBe(whole + 1);
  });

  it('grow the stack', async () => {
    const end = START_MAPS.replace('7ffffffde000', '7ffffff00000').replace(
      '7ffff7fc2000-',
      `7ffff7a00000-7ffff7a03000 rw-p 00000000 00:00 0 
7ffff7fc0000-7ffff7fc2000 rw-p 00000000 00:00 0 
7ffff7fc2000-`,
    );
    const faults = `1 ${time(45)} 0x7ffffff00123 0x6\n`;
    const result = await run({ log, faults, start: START_MAPS, end });
    expect(result.findings).toEqual([]);
    expect(result.programs[0]?.mapVerdict).toBe('agrees');
  });

  it('of another clock are not used, and the report says so', async () => {
    const result = await run({ log, faults: '1 12.5 0x7ffff7a00000 0x6\n' });
    expect(noted(result, 'fault-clock')).toBe(1);
    expect(noted(result, 'no-faults')).toBe(0);
  });
});

describe('findings', () => {
  it('an answer that is not the engine’s names both, and later calls are judged on their own', async () => {
    const log = `${START}
1 ${MAP_PAGE}) = 0x7ffff7aaa000
1 munmap(0x7ffff7aaa000, 4096) = 0
1 ${MAP_PAGE}) = 0x7ffff7fbf000`;
    const result = await run({ log });
    expect(result.findings).toMatchObject([
      { kind: 'result', line: 4, pid: 1, recorded: '0x7ffff7aaa000', engine: '0x7ffff7fbf000' },
    ]);
    expect(result.findings[0]?.repeat).toBe('vmaspace replay test --until 4');
  });

  it('a line that is no strace output is told with its number', async () => {
    const result = await run({ log: `${START}\nwhat is this?\n1 munmap(oops, 4096) = 0` });
    expect(result.findings).toMatchObject([
      { kind: 'malformed', line: 4 },
      { kind: 'malformed', line: 5 },
    ]);
  });

  it('a call the engine does not model is skipped and named', async () => {
    const result = await run({ log: `${START}\n1 shmat(7, NULL, 0) = 0x7ffff7fbf000` });
    expect(result.findings).toMatchObject([{ kind: 'unmodelled', line: 4 }]);
    expect(summaryOf(result)).toMatchObject({ calls: 3, agreed: 2, skipped: 1, disagreed: 0 });
    expect(isOk(result)).toBe(false);
  });

  it('calls of other kinds are counted', async () => {
    const result = await run({ log: `${START}\n1 getpid() = 1\n1 syscall_0x1ca(1, 0, 0) = 0` });
    expect(result.findings).toEqual([]);
    expect([...result.otherCalls.values()].reduce((a, b) => a + b, 0)).toBe(2);
  });

  it('a call that nobody knows is skipped and told with its line', async () => {
    const result = await run({ log: `${START}\n1 frobnicate(1, 2) = 0\n1 syscall_0x999(1) = 0` });
    expect(result.findings).toMatchObject([
      { kind: 'unmodelled', line: 4 },
      { kind: 'unmodelled', line: 5 },
    ]);
    expect(summaryOf(result)).toMatchObject({ skipped: 2 });
  });

  it('start maps that contradict the log are refused', async () => {
    const start =
      '7ffff7fc1000-7ffff7fc4000 r-xp 00000000 00:00 0                          [vdso]\n';
    const result = await run({ log: START, start });
    expect(result.findings).toMatchObject([{ kind: 'contradiction', pid: 1 }]);
    expect(result.findings[0]?.message).toContain('line 1 shows as taken');
  });

  it('end maps that differ show the lines', async () => {
    const log = `${START}\n1 exit_group(0) = ?\n1 +++ exited with 0 +++`;
    const result = await run({ log, start: START_MAPS, end: START_MAPS, faults: '' });
    expect(result.findings).toMatchObject([{ kind: 'map', pid: 1, line: 4 }]);
    expect(result.findings[0]?.context).toEqual([
      'engine  7ffff7fc0000-7ffff7fc2000 rw-p 00000000 00:00 0',
    ]);
  });

  it('end maps of a process that the log does not follow to its end are not compared', async () => {
    const result = await run({ log: START, start: START_MAPS, end: START_MAPS });
    expect(kinds(result)).toEqual(['contradiction']);
  });

  it('a log without memory calls says that nothing was compared', async () => {
    const result = await run({ log: '1 getpid() = 1' });
    expect(kinds(result)).toEqual(['nothing']);
  });
});
