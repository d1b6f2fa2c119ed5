import { describe, expect, it } from 'vitest';
import { decodeMemoryCall, MEMORY_CALLS } from './decode.ts';
import { readLog } from './read_log.ts';

function decoded(line: string): unknown {
  const [record] = readLog(`${line}\n`);
  return record?.kind === 'call' ? decodeMemoryCall(record) : record;
}

const A = 0x7f00;
const LIMIT = { cur: 8388608, max: 0xffffffffffffffffn };

describe('decodeMemoryCall', () => {
  it.each([
    [
      'mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f00',
      { name: 'mmap', addr: 0, len: 8192, prot: 3, flags: 0x22, fd: null, offset: 0 },
    ],
    [
      'mmap(0x7f00, 4096, 0x5, 0x812, 3</lib/x.so>, 0x1000) = 0x7f00',
      {
        name: 'mmap',
        addr: A,
        len: 4096,
        prot: 5,
        flags: 0x812,
        fd: { fd: 3, path: '/lib/x.so' },
        offset: 4096,
      },
    ],
    [
      'mmap(NULL, 18446744073709551615, 0, 0x22, -1, 0) = -1 ENOMEM (x)',
      {
        name: 'mmap',
        addr: 0,
        len: 0xffffffffffffffffn,
        prot: 0,
        flags: 0x22,
        fd: null,
        offset: 0,
      },
    ],
    ['munmap(0x7f00, 4096) = 0', { name: 'munmap', addr: A, len: 4096 }],
    ['mincore(0x7f00, 8192, [0, 0]) = 0', { name: 'mincore', addr: A, len: 8192 }],
    ['mlock(0x7f00, 4096) = 0', { name: 'mlock', addr: A, len: 4096 }],
    ['mlock2(0x7f00, 4096, MLOCK_ONFAULT) = 0', { name: 'mlock2', addr: A, len: 4096, flags: 1 }],
    ['munlock(0x7f00, 4096) = 0', { name: 'munlock', addr: A, len: 4096 }],
    ['mlockall(MCL_CURRENT|MCL_FUTURE) = 0', { name: 'mlockall', flags: 3 }],
    ['munlockall() = 0', { name: 'munlockall' }],
    ['mprotect(0x7f00, 4096, PROT_READ) = 0', { name: 'mprotect', addr: A, len: 4096, prot: 1 }],
    [
      'pkey_mprotect(0x7f00, 4096, PROT_READ, -1) = 0',
      { name: 'pkey_mprotect', addr: A, len: 4096, prot: 1, pkey: -1 },
    ],
    [
      'mremap(0x7f00, 4096, 8192, MREMAP_MAYMOVE) = 0x8f00',
      { name: 'mremap', oldAddress: A, oldSize: 4096, newSize: 8192, flags: 1, newAddress: null },
    ],
    [
      'mremap(0x7f00, 4096, 8192, 0x3, 0x9000) = 0x9000',
      { name: 'mremap', oldAddress: A, oldSize: 4096, newSize: 8192, flags: 3, newAddress: 0x9000 },
    ],
    ['brk(NULL) = 0x1000', { name: 'brk', addr: 0 }],
    [
      'madvise(0x7f00, 4096, 0x66 /* MADV_??? */) = 0',
      { name: 'madvise', addr: A, len: 4096, advice: 102 },
    ],
    [
      'process_madvise(-1, [{iov_base=0x7f00, iov_len=4096}], 1, MADV_PAGEOUT, 0) = -1 EBADF (x)',
      {
        name: 'process_madvise',
        pidfd: -1,
        ranges: [{ addr: A, len: 4096 }],
        advice: 21,
        flags: 0,
      },
    ],
    ['msync(0x7f00, 4096, MS_SYNC) = 0', { name: 'msync', addr: A, len: 4096, flags: 4 }],
    [
      'syscall_0x1ce(0x7f00, 0x1000, 0, 0x7, 0x10f, 0x55) = 0',
      { name: 'mseal', addr: A, len: 4096, flags: 0 },
    ],
    [
      'mbind(0x7f00, 4096, MPOL_BIND, [0x01], 65, MPOL_MF_STRICT|MPOL_MF_MOVE) = 0',
      { name: 'mbind', addr: A, len: 4096, mode: 2, nodemask: '[0x01]', maxnode: 65, flags: 3 },
    ],
    [
      'remap_file_pages(0x7f00, 4096, PROT_NONE, 1, MAP_FILE) = 0',
      { name: 'remap_file_pages', addr: A, len: 4096, prot: 0, pgoff: 1, flags: 0 },
    ],
    [
      'prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x7f00, 4096, "my [name]\\"x") = 0',
      {
        name: 'prctl',
        option: 0x53564d41,
        args: [0, A, 4096, null],
        text: { value: 'my [name]"x', isCut: false },
      },
    ],
    [
      'prctl(0x41 /* PR_??? */, 0x1, 0, 0, 0) = 0',
      { name: 'prctl', option: 65, args: [1, 0, 0, 0], text: null },
    ],
    [
      'prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0',
      { name: 'prlimit64', pid: 0, resource: 3, newLimit: null, oldLimit: LIMIT },
    ],
    [
      'setrlimit(RLIMIT_AS, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0',
      { name: 'setrlimit', pid: 0, resource: 9, newLimit: LIMIT, oldLimit: null },
    ],
    [
      'getrlimit(0x9, {rlim_cur=8388608, rlim_max=18446744073709551615}) = 0',
      { name: 'getrlimit', pid: 0, resource: 9, newLimit: null, oldLimit: LIMIT },
    ],
    ['personality(ADDR_NO_RANDOMIZE) = 0 (PER_LINUX)', { name: 'personality', persona: 0x40000 }],
    ['arch_prctl(ARCH_SET_FS, 0x7f00) = 0', { name: 'arch_prctl', op: 0x1002, addr: A }],
    ['arch_prctl(ARCH_GET_FS, [0x7f00]) = 0', { name: 'arch_prctl', op: 0x1003, addr: null }],
    [
      'execve("/bin/ls", ["ls", "-l", ...], 0x7ffe /* 35 vars */) = 0',
      { name: 'execve', dirfd: null, pathname: '/bin/ls', argv: ['ls', '-l'], flags: 0 },
    ],
    [
      'execveat(3</bin>, "ls", ["ls"], NULL, AT_EMPTY_PATH) = 0',
      {
        name: 'execveat',
        dirfd: { fd: 3, path: '/bin' },
        pathname: 'ls',
        argv: ['ls'],
        flags: 0x1000,
      },
    ],
    ['exit_group(13) = ?', { name: 'exit_group', status: 13 }],
    ['exit(0) = ?', { name: 'exit', status: 0 }],
    [
      'shmget(IPC_PRIVATE, 8192, IPC_CREAT|0777) = 0',
      { name: 'shmget', key: 0, size: 8192, shmflg: 0o1777 },
    ],
    [
      'shmat(0, NULL, SHM_RDONLY) = 0x7f00',
      { name: 'shmat', shmid: 0, shmaddr: 0, shmflg: 0o10000 },
    ],
    ['shmdt(0x7f00) = 0', { name: 'shmdt', shmaddr: A }],
    ['memfd_create("foo", MFD_CLOEXEC) = 4', { name: 'memfd_create', pathname: 'foo', flags: 1 }],
    [
      'open("/a", O_RDWR|O_CREAT, 0644) = 5',
      { name: 'open', dirfd: null, pathname: '/a', flags: 0x42, mode: 0o644 },
    ],
    [
      'openat(AT_FDCWD</home>, "/dev/zero", O_RDWR) = 7',
      {
        name: 'openat',
        dirfd: { fd: -100, path: '/home' },
        pathname: '/dev/zero',
        flags: 2,
        mode: 0,
      },
    ],
    [
      'creat(0x10, 0644) = -1 EFAULT (x)',
      { name: 'creat', dirfd: null, pathname: null, flags: 0o1101, mode: 0o644 },
    ],
    ['dup(3) = 4', { name: 'dup', oldfd: { fd: 3, path: null } }],
    [
      'dup3(3</a>, 21, O_CLOEXEC) = 21</a>',
      { name: 'dup3', oldfd: { fd: 3, path: '/a' }, newfd: 21, flags: 0x80000 },
    ],
    ['close(3</a>) = 0', { name: 'close', fd: { fd: 3, path: '/a' } }],
    [
      'fcntl(3, F_DUPFD_CLOEXEC, 5) = 11',
      { name: 'fcntl', fd: { fd: 3, path: null }, op: 1030, arg: 5 },
    ],
    ['fcntl(3, F_GETFD) = 0', { name: 'fcntl', fd: { fd: 3, path: null }, op: 1, arg: null }],
    ['ftruncate(4, 8192) = 0', { name: 'ftruncate', fd: { fd: 4, path: null }, length: 8192 }],
    ['truncate("/a", 8192) = 0', { name: 'truncate', pathname: '/a', length: 8192 }],
    ['userfaultfd(O_CLOEXEC|UFFD_USER_MODE_ONLY) = 3', { name: 'userfaultfd', flags: 0x80001 }],
  ])('%s', (line, call) => {
    expect(decoded(line)).toEqual(call);
  });

  it.each([
    ['fork() = 7', { name: 'fork', flags: 0, exitSignal: 17, sharesMm: false, childTid: 7 }],
    ['vfork() = 7', { name: 'vfork', sharesMm: true, isVfork: true, isThread: false }],
    [
      'clone(child_stack=NULL, flags=CLONE_VFORK|SIGCHLD) = 7',
      { flags: 0x4000, exitSignal: 17, sharesMm: false, isVfork: true },
    ],
    [
      'clone(child_stack=0x9000, flags=0x3d0f00|0) = ? ERESTARTNOINTR (To be restarted)',
      { stack: 0x9000, sharesMm: true, isThread: true, childTid: null },
    ],
    [
      'clone3({flags=CLONE_VM|CLONE_THREAD|CLONE_CLEAR_SIGHAND, exit_signal=0, stack=0x9000, stack_size=0x100} => {parent_tid=[7]}, 88) = 7',
      {
        name: 'clone3',
        flags: 0x100010100,
        stack: 0x9000,
        stackSize: 0x100,
        sharesMm: true,
        isThread: true,
        childTid: 7,
      },
    ],
    ['clone3(0x10, 88) = -1 EFAULT (Bad address)', { name: 'clone3', childTid: null }],
  ])('says what the child shares: %s', (line, call) => {
    expect(decoded(line)).toMatchObject(call);
  });

  it.each([
    ['mmap(NULL, 1, what, 2, -1, 0) = 0', 'argument 3 of mmap: not a number: "what"'],
    ['munmap(0x7f00) = 0', 'argument 2 of munmap: missing'],
    ['mmap(NULL, 1, 2, 3, file, 0) = 0', 'argument 5 of mmap: not a number: "file"'],
    ['open({}, 0) = 0', 'argument 1 of open: not a string: "{}"'],
    ['clone(flags=CLONE_NONSENSE) = 3', 'flags of clone: not a number: "CLONE_NONSENSE"'],
    ['syscall_0x1b3(0x10, 0x58, 0, 0, 0, 0) = 7', 'argument 1 of clone3: not a structure'],
  ])('refuses %s', (line, malformed) => {
    expect(decoded(line)).toEqual({ malformed });
  });

  it('leaves other calls alone', () => {
    expect(decoded('getpid() = 7')).toBeNull();
    expect(MEMORY_CALLS.has('getpid')).toBe(false);
    expect(MEMORY_CALLS.has('mseal')).toBe(true);
  });
});
