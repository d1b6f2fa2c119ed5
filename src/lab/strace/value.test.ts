import { describe, expect, it } from 'vitest';
import { errnoOf } from './errno.ts';
import { parseInteger } from './integer.ts';
import { syscallName } from './syscall_numbers.ts';
import { parseString } from './text.ts';
import { parseFd, parseStruct } from './value.ts';

describe('parseInteger', () => {
  it.each([
    ['0', 0],
    ['NULL', 0],
    ['8192', 8192],
    ['-100', -100],
    ['0644', 0o644],
    ['0x7ffff7fc0000', 0x7ffff7fc0000],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['18446744073709551615', 0xffffffffffffffffn],
    ['0xfffffffffffff000', 0xfffffffffffff000n],
    ['8192*1024', 8388608],
    ['4503599627370496*1024', 1n << 62n],
    ['RLIM64_INFINITY', 0xffffffffffffffffn],
    ['RLIM_INFINITY', 0xffffffffffffffffn],
    ['18446744073709551615 /* RLIM64_INFINITY */', 0xffffffffffffffffn],
    ['PROT_READ|PROT_WRITE', 3],
    ['0x3 /* PROT_READ|PROT_WRITE */', 3],
    ['0x66 /* MADV_??? */', 102],
    ['MAP_PRIVATE|0x100000', 0x100002],
    ['1<<2', 4],
    ['MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB|21<<MAP_HUGE_SHIFT', 0x54040022],
    ['MAP_HUGE_2MB', 0x54000000],
    ['AT_FDCWD', -100],
    ['-100 /* AT_FDCWD */', -100],
    ['0x4000 /* CLONE_VFORK */|17 /* SIGCHLD */', 0x4011],
    ['IPC_CREAT|0777', 0o1777],
    ['PR_SET_VMA', 0x53564d41],
    ['MADV_GUARD_INSTALL', 102],
    ['MADV_GUARD_REMOVE', 103],
    ['MADV_COLLAPSE', 25],
    ['MADV_DONTNEED_LOCKED', 24],
    ['ADDR_NO_RANDOMIZE|READ_IMPLIES_EXEC', 0x440000],
    ['O_RDWR|O_CREAT|O_CLOEXEC', 0x80042],
    ['CLONE_IO|CLONE_CLEAR_SIGHAND', 0x180000000],
    ['ARCH_SET_FS', 0x1002],
  ])('%s', (text, value) => {
    expect(parseInteger(text)).toBe(value);
  });

  it.each([
    '',
    ' ',
    '-',
    '0x',
    '089',
    '"1"',
    'PROT_NONSENSE',
    '1|',
    '1|x',
    '[1]',
    '1<<65',
    '3 4',
    '9'.repeat(99),
    '1*',
  ])('refuses %j', (text) => {
    expect(parseInteger(text)).toBeNull();
  });
});

describe('parseFd', () => {
  it.each([
    ['3', 3, null],
    ['-1', -1, null],
    ['4294967295', -1, null],
    ['3</etc/ld.so.cache>', 3, '/etc/ld.so.cache'],
    ['3</memfd:name (deleted)>', 3, '/memfd:name (deleted)'],
    ['4</memfd:foo>(deleted)', 4, '/memfd:foo (deleted)'],
    ['3<anon_inode:[perf]>', 3, 'anon_inode:[perf]'],
    ['3</dev/zero<char 1:5>>', 3, '/dev/zero'],
    ['3<TCP:[1.2.3.4:5->6.7.8.9:10]>', 3, 'TCP:[1.2.3.4:5->6.7.8.9:10]'],
    ['6</tmp/we ird\\76\\n\\"x>', 6, '/tmp/we ird>\n"x'],
    ['AT_FDCWD</home>', -100, '/home'],
    ['-100 /* AT_FDCWD */</home>', -100, '/home'],
  ])('%s', (text, fd, path) => {
    expect(parseFd(text)).toEqual({ fd, path });
  });

  it('refuses what is no number', () => {
    expect(parseFd('</etc/passwd>')).toBeNull();
    expect(parseFd('three')).toBeNull();
  });
});

describe('parseString', () => {
  it.each([
    ['""', '', false],
    ['"abc"', 'abc', false],
    ['"abc"...', 'abc', true],
    ['"a\\"b\\\\c\\n\\t\\1\\0012"', 'a"b\\c\n\t\x01\x012', false],
    ['"\\x2f\\x75"', '/u', false],
    ['"\\303\\251"', 'é', false],
    ['"\\377"', '\xff', false],
  ])('%s', (text, value, isCut) => {
    expect(parseString(text)).toEqual({ value, isCut });
  });

  it.each(['NULL', '0x7ffe', '"abc', '"abc"x'])('refuses %s', (text) => {
    expect(parseString(text)).toBeNull();
  });
});

describe('parseStruct', () => {
  it('reads members by name, whatever is nested in them', () => {
    const struct = parseStruct(
      '{flags=CLONE_VM|CLONE_FS, a={b=[1, 2], c="},"}, rlim_cur=8192*1024}',
    );
    expect(struct?.fields).toEqual(
      new Map([
        ['flags', 'CLONE_VM|CLONE_FS'],
        ['a', '{b=[1, 2], c="},"}'],
        ['rlim_cur', '8192*1024'],
      ]),
    );
  });

  it('reads members by position, and arrays', () => {
    expect(parseStruct('["ls", "-l"]')?.items).toEqual(['"ls"', '"-l"']);
    expect(parseStruct('{1, 2}')?.items).toEqual(['1', '2']);
    expect(parseStruct('[]')?.items).toEqual([]);
  });

  it('reads what the kernel has put in', () => {
    const struct = parseStruct('{flags=0} => {parent_tid=[26655]}');
    expect(struct?.exit?.fields).toEqual(new Map([['parent_tid', '[26655]']]));
  });

  it.each(['', 'NULL', '{a=1', '{a=1]', '{a=1} b', '{a=1} => 3'])('refuses %s', (text) => {
    expect(parseStruct(text)).toBeNull();
  });
});

describe('the tables of names', () => {
  it('number errors as the kernel does', () => {
    const codes = [
      'EPERM',
      'ENOMEM',
      'EDEADLK',
      'ENOSYS',
      'ELOOP',
      'ENOMSG',
      'EBFONT',
      'EOVERFLOW',
      'EHWPOISON',
    ];
    expect(codes.map(errnoOf)).toEqual([-1, -12, -35, -38, -40, -42, -59, -75, -133]);
    expect(errnoOf('ETIMEDOUT')).toBe(-110);
    expect(errnoOf('ENONSENSE')).toBe(0);
  });

  it('name the calls strace may not know', () => {
    const names = [462, 453, 447, 440, 448, 450, 451, 331, 325, 323, 435].map((number) =>
      syscallName(`syscall_0x${number.toString(16)}`),
    );
    expect(names).toEqual([
      'mseal',
      'map_shadow_stack',
      'memfd_secret',
      'process_madvise',
      'process_mrelease',
      'set_mempolicy_home_node',
      'cachestat',
      'pkey_free',
      'mlock2',
      'userfaultfd',
      'clone3',
    ]);
  });
});
