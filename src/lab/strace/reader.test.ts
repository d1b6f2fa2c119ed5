import { describe, expect, it } from 'vitest';
import { readLog } from './read_log.ts';
import { StraceReader } from './reader.ts';
import { callEnd, type Call, type StraceRecord } from './record.ts';

const callsOf = (log: string): Call[] => readLog(log).filter((record) => record.kind === 'call');
const firstOf = (line: string): StraceRecord | undefined => readLog(`${line}\n`)[0];
const log = (...lines: string[]): string => lines.map((line) => `${line}\n`).join('');

describe('a call on one line', () => {
  it('has its place, time, arguments, result and duration', () => {
    expect(
      firstOf('26441 1795163264.473572 brk(NULL)       = 0x55791d4fc000 (DELAYED) <0.000034>'),
    ).toEqual({
      kind: 'call',
      line: 1,
      tid: 26441,
      time: 1795163264.473572,
      name: 'brk',
      args: ['NULL'],
      result: { kind: 'value', value: 0x55791d4fc000, path: null, detail: null },
      duration: 0.000034,
      injected: false,
      delayed: true,
      resumed: null,
      continuedLine: null,
    });
  });

  it.each([
    ['getpid() = 7', [], 7],
    ['umask(022) = 022', ['022'], 18],
    ['f(1)  = -1', ['1'], -1],
    ['f(1)  = 0xffffffffffffffff', ['1'], 0xffffffffffffffffn],
    ['f(1)  = 18446744073709551615', ['1'], 0xffffffffffffffffn],
    ['write(1, "a) = 3, \\") (", 9) = 9', ['1', '"a) = 3, \\") ("', '9'], 9],
    ['mmap(NULL, 1, 0x3 /* A, B) */, 2) = 5', ['NULL', '1', '0x3 /* A, B) */', '2'], 5],
    ['ioctl(3</tmp/a, b)>, {x=[1, (2)]}) = 0', ['3</tmp/a, b)>', '{x=[1, (2)]}'], 0],
    ['send(3<TCP:[1.2.3.4:5->6.7.8.9:10]>, 1) = 0', ['3<TCP:[1.2.3.4:5->6.7.8.9:10]>', '1'], 0],
    ['mmap(MAP_HUGETLB|21<<MAP_HUGE_SHIFT, -1) = 0', ['MAP_HUGETLB|21<<MAP_HUGE_SHIFT', '-1'], 0],
    ['move_pages(0, [1],  , 2) = 0', ['0', '[1]', '', '2'], 0],
  ])('splits the arguments of %s', (line, args, value) => {
    expect(firstOf(line)).toMatchObject({ kind: 'call', args, result: { kind: 'value', value } });
  });

  it.each([
    ['= -1 ENOMEM (Cannot allocate memory)', { kind: 'error', errno: 'ENOMEM', code: -12 }],
    ['= -1 ENOSYS (Function not implemented) (INJECTED)', { kind: 'error', code: -38 }],
    ['= -1 (errno 530)', { kind: 'error', errno: 'errno 530', code: -530 }],
    ['= ?', { kind: 'unknown' }],
    [
      '= ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
      { kind: 'restart', code: 'ERESTARTSYS' },
    ],
    ['= 0x1 (flags FD_CLOEXEC)', { kind: 'value', value: 1, detail: 'flags FD_CLOEXEC' }],
    ['= 0 (PER_LINUX)', { kind: 'value', value: 0, detail: 'PER_LINUX' }],
    ['= 3</etc/a\\76\\n\\"b>', { kind: 'value', value: 3, path: '/etc/a>\n"b' }],
    ['= 4</memfd:foo>(deleted)', { kind: 'value', value: 4, path: '/memfd:foo (deleted)' }],
    ['= 4</dev/zero<char 1:5>>', { kind: 'value', value: 4, path: '/dev/zero' }],
    ['= 0x3 /* A|B */', { kind: 'value', value: 3 }],
  ])('reads the result %s', (text, result) => {
    expect(firstOf(`f(1) ${text} <0.000007>`)).toMatchObject({ result, duration: 0.000007 });
    expect(firstOf(`f(1) ${text}`)).toMatchObject({ result, duration: null });
  });

  it('says which answers were injected or delayed', () => {
    const line = 'mprotect(0, 1, 0) = 5 (INJECTED) (DELAYED)';
    expect(firstOf(line)).toMatchObject({ injected: true, delayed: true });
  });

  it('has its name even when strace knows only its number', () => {
    expect(firstOf('syscall_0x1ce(0x1000, 0x1000, 0, 0x7, 0x10f, 0x55) = 0')).toMatchObject({
      name: 'mseal',
    });
    expect(firstOf('syscall_0x270f(0x1) = 0')).toMatchObject({ name: 'syscall_0x270f' });
  });
});

describe('the front of a line', () => {
  it.each([
    ['brk(NULL) = 1', 0, null],
    ['123 brk(NULL) = 1', 123, null],
    ['123   brk(NULL) = 1', 123, null],
    ['[pid   123] brk(NULL) = 1', 123, null],
    ['123<bash> brk(NULL) = 1', 123, null],
    ['1795163273.815505 brk(NULL) = 1', 0, 1795163273.815505],
    ['1795163273.815505 (+     0.000349) brk(NULL) = 1', 0, 1795163273.815505],
    ['123 1795163273 brk(NULL) = 1', 123, 1795163273],
    ['08:44:33 brk(NULL) = 1', 0, 31473],
    ['[pid 123] 08:44:33.800870 brk(NULL) = 1', 123, 31473.80087],
    ['     0.000073 brk(NULL) = 1', 0, 0.000073],
    ['     2 brk(NULL) = 1', 0, 2],
    ['[00007f8040db6ad7] brk(NULL) = 1', 0, null],
    ['123 08:44:33 [  12] [????????????????] brk(NULL) = 1', 123, 31473],
  ])('%s', (line, tid, time) => {
    expect(firstOf(line)).toMatchObject({ kind: 'call', name: 'brk', tid, time });
  });

  it('counts on after midnight', () => {
    const times = callsOf(log('23:59:59.500000 a() = 0', '00:00:01.250000 a() = 0'));
    expect(times.map((call) => call.time)).toEqual([86399.5, 86401.25]);
  });

  it('adds relative times up', () => {
    const times = callsOf(
      log('     0.000000 a() = 0', '     0.000300 a() = 0', '     1.000007 a() = 0'),
    );
    expect(times.map((call) => call.time)).toEqual([0, 0.0003, 1.000307]);
  });
});

describe('a call that others overtake', () => {
  const LOG = log(
    '1 10:00:00.000001 mmap(NULL, 4096, PROT_NONE <unfinished ...>',
    '2 10:00:00.000002 brk(NULL) = 0x1000',
    '1 10:00:00.000003 <... mmap resumed>, MAP_PRIVATE, -1, 0) = 0x2000 <0.000002>',
  );

  it('is one record, when it comes back', () => {
    const [first, second] = callsOf(LOG);
    expect(first).toMatchObject({ name: 'brk', line: 2 });
    expect(second).toMatchObject({
      name: 'mmap',
      line: 1,
      time: 36000.000001,
      args: ['NULL', '4096', 'PROT_NONE', 'MAP_PRIVATE', '-1', '0'],
      resumed: { line: 3, time: 36000.000003, tid: 1 },
    });
    expect(second && callEnd(second)).toBeCloseTo(36000.000003, 7);
  });

  it.each([
    [
      'clone3({a=1} <unfinished ...>',
      '<... clone3 resumed> => {b=[2]}, 88) = 5',
      ['{a=1} => {b=[2]}', '88'],
    ],
    ['move(0, [1],  <unfinished ...>', '<... move resumed>0x7f, X) = 5', ['0', '[1]', '0x7f', 'X']],
    ['vfork( <unfinished ...>', '<... vfork resumed>) = 5', []],
    ['brk(NULL <unfinished ...>', '<... brk resumed> )       = 5', ['NULL']],
  ])('has the arguments of both halves: %s', (front, back, args) => {
    expect(callsOf(log(front, back))).toMatchObject([{ args, result: { value: 5 } }]);
  });

  it('has no result when its thread is killed', () => {
    const records = readLog(
      log('1 read(0, <unfinished ...>', '2 x() = 0', '1 +++ killed by SIGKILL +++'),
    );
    expect(records).toMatchObject([
      { name: 'x' },
      { name: 'read', args: ['0'], line: 1, result: { kind: 'unknown' }, resumed: null },
      { kind: 'killed', line: 3 },
    ]);
  });

  it('has no result when the log ends, or the thread does something else', () => {
    const records = readLog(log('1 a(1 <unfinished ...>', '2 b( <unfinished ...>', '1 c() = 0'));
    expect(records).toMatchObject([
      { name: 'a', result: { kind: 'unknown' } },
      { name: 'c' },
      { name: 'b', result: { kind: 'unknown' } },
    ]);
  });

  it.each(['unfinished', 'pid changed to 7'])('follows an exec by another thread: %s', (mark) => {
    const records = readLog(
      log(
        `9 execve("/bin/true", ["true"], 0x7f /* 35 vars */ <${mark} ...>`,
        '7 pause( <unfinished ...>',
        '7 +++ superseded by execve in pid 9 +++',
        '7 <... execve resumed>) = 0 <0.000466>',
      ),
    );
    expect(records).toMatchObject([
      { name: 'pause', result: { kind: 'unknown' } },
      { kind: 'superseded', tid: 7, by: 9 },
      { name: 'execve', tid: 9, resumed: { line: 4, tid: 7 } },
    ]);
  });

  it('may be cut by the exit of its thread, in the words of older versions', () => {
    expect(firstOf('futex(0x10, FUTEX_WAIT <unfinished ...>) = ?')).toMatchObject({
      args: ['0x10', 'FUTEX_WAIT'],
      result: { kind: 'unknown' },
    });
  });
});

describe('what is not a call', () => {
  it.each([
    [
      '--- SIGSEGV {si_signo=SIGSEGV, si_addr=0x80} ---',
      { kind: 'signal', signal: 'SIGSEGV', info: '{si_signo=SIGSEGV, si_addr=0x80}' },
    ],
    ['--- stopped by SIGSTOP ---', { kind: 'stopped', signal: 'SIGSTOP' }],
    ['+++ exited with 13 +++', { kind: 'exited', status: 13 }],
    ['+++ killed by SIGABRT (core dumped) +++', { kind: 'killed', signal: 'SIGABRT', core: true }],
    ['+++ killed by SIGKILL +++', { kind: 'killed', signal: 'SIGKILL', core: false }],
    ['strace: Process 123 attached', { kind: 'attached', tid: 123 }],
    ['strace: Process 123 detached', { kind: 'detached', tid: 123 }],
    ['strace: [ Process PID=5 runs in 32 bit mode. ]', { kind: 'note' }],
    [' > /usr/lib/libc.so.6(brk+0xb) [0x100]', { kind: 'note' }],
  ])('%s', (line, record) => {
    expect(firstOf(line)).toMatchObject({ line: 1, ...record });
  });
});

describe('a log of standard error', () => {
  const LOG = log(
    'brk(NULL)                               = 0x1000',
    'clone(child_stack=NULL, flags=SIGCHLDstrace: Process 3808 attached',
    ')  = 3808',
    '[pid  3808] vfork(strace: Process 3809 attached',
    ' <unfinished ...>',
    '[pid  3806] wait4(-1,  <unfinished ...>',
    '[pid  3809] +++ exited with 0 +++',
    '[pid  3808] <... vfork resumed>)        = 3809',
    '[pid  3808] +++ exited with 3 +++',
    '<... wait4 resumed>NULL, 0, NULL)       = 3808',
    '+++ exited with 0 +++',
  );

  it('names no thread while there is one; it keeps its number', () => {
    const reader = new StraceReader(() => {});
    reader.push(LOG);
    expect(reader.mainTid).toBe(3806);
    const tids = readLog(LOG).map((record) => ('tid' in record ? record.tid : null));
    expect(tids).toEqual([0, 3808, 0, 3809, 3809, 3808, 3808, 0, 0]);
  });

  it('joins calls that a message has cut', () => {
    const [, clone, vfork, wait4] = callsOf(LOG);
    expect(clone).toMatchObject({ line: 2, continuedLine: 3, result: { value: 3808 } });
    expect(vfork).toMatchObject({ line: 4, continuedLine: 5, resumed: { line: 8 } });
    expect(wait4).toMatchObject({ tid: 0, args: ['-1', 'NULL', '0', 'NULL'] });
  });

  it('may end in the middle of a call, when strace leaves', () => {
    const LEFT = log(
      'strace: Process 9 attached',
      'read(0, strace: Process 9 detached',
      ' <detached ...>',
    );
    expect(readLog(LEFT)).toMatchObject([
      { kind: 'attached', tid: 9 },
      { kind: 'detached', tid: 9 },
      { kind: 'call', tid: 9, args: ['0'], line: 2, continuedLine: 3, result: { kind: 'unknown' } },
    ]);
  });
});

describe('what cannot be read', () => {
  it.each([
    ['hello, world', 'not a line of strace output'],
    ['12345', 'not a line of strace output'],
    ['   ', 'not a line of strace output'],
    ['--- nonsense ---', 'not a line of strace output'],
    ['mmap(NULL, 4096', 'unbalanced parenthesis'],
    ['mmap(NULL]) = 0', 'unbalanced parenthesis'],
    ['write(1, "abc) = 0', 'unbalanced parenthesis'],
    ['mmap(NULL, 4096)', 'no result'],
    ['mmap(NULL, 4096) =', 'no result'],
    ['mmap(NULL, 4096) = zero', 'result not understood'],
    ['mmap(NULL, 4096) = -1 ENONSENSE (No)', 'result not understood'],
    ['mmap(NULL, 4096) = 0 <0.0000', 'result not understood'],
    ['<... mmap resumed>) = 0', 'a resumed call that was never begun'],
    ['mmap(\0\x01\x02) = 0', 'binary data'],
    ['\x7fELF\x02\x01', 'binary data'],
  ])('%j: %s', (line, reason) => {
    expect(firstOf(line)).toEqual({ kind: 'malformed', line: 1, reason, text: line });
  });

  it('does not mix up two calls', () => {
    const records = readLog(log('1 brk(NULL <unfinished ...>', '1 <... mmap resumed>) = 0'));
    expect(records).toMatchObject([
      { kind: 'malformed', line: 2, reason: 'a resumed call that is not the unfinished one' },
      { kind: 'call', name: 'brk', line: 1 },
    ]);
  });

  it('is passed over when a line is longer than a megabyte, and reading goes on', () => {
    const long = 'x'.repeat(3 << 20);
    const records: StraceRecord[] = [];
    const reader = new StraceReader((record) => records.push(record));
    for (const piece of ['a() = 0\n', long, long, '\nb() = 0\n', `${long}\nc() = 0\n`])
      reader.push(piece);
    reader.end();
    expect(records).toMatchObject([
      { name: 'a', line: 1 },
      { kind: 'malformed', line: 2, reason: 'longer than 1 MB' },
      { name: 'b', line: 3 },
      { kind: 'malformed', line: 4, reason: 'longer than 1 MB' },
      { name: 'c', line: 5 },
    ]);
  });
});

describe('the text as it comes', () => {
  it('may be empty', () => {
    expect(readLog('')).toEqual([]);
    expect(readLog('\n\r\n\n')).toEqual([]);
  });

  it('may end its lines as Windows does', () => {
    expect(readLog('a() = 0\r\nb() = 1 <0.000001>\r\n')).toMatchObject([
      { name: 'a', line: 1 },
      { name: 'b', line: 2, duration: 0.000001 },
    ]);
  });

  it('may lack the last newline', () => {
    expect(readLog('a() = 0')).toMatchObject([{ name: 'a' }]);
    expect(readLog('a() = 0\nmmap(NULL, 40')).toMatchObject([
      { name: 'a' },
      { kind: 'malformed', line: 2, reason: 'truncated' },
    ]);
    expect(readLog('fork(strace: Process 5 attached\n')).toMatchObject([
      { kind: 'attached' },
      { kind: 'malformed', line: 1, reason: 'truncated' },
    ]);
  });

  it('gives only the calls asked for, and counts the others', () => {
    const records: StraceRecord[] = [];
    const reader = new StraceReader((record) => records.push(record), { only: new Set(['mseal']) });
    reader.push(
      log(
        '1 getpid() = 0',
        '1 pause( <unfinished ...>',
        '2 syscall_0x1ce(1, 2) = 0',
        '1 <... pause resumed>) = 0',
        '1 getpid() = 0',
      ),
    );
    reader.end();
    expect(records).toMatchObject([{ name: 'mseal', line: 3 }]);
    expect(reader.skipped).toEqual(
      new Map([
        ['getpid', 2],
        ['pause', 1],
      ]),
    );
  });

  it('always gives a call that is no system call it knows', () => {
    const records: StraceRecord[] = [];
    const reader = new StraceReader((record) => records.push(record), { only: new Set(['mseal']) });
    reader.push(log('1 frobnicate(1) = 0', '1 getpid() = 1'));
    reader.end();
    expect(records).toMatchObject([{ name: 'frobnicate', line: 1 }]);
  });
});
