import type { Arguments } from './arguments.ts';
import type { FileCall } from './memory_call.ts';
import { symbolValue } from './symbols.ts';

const CREAT_FLAGS = ['O_CREAT', 'O_WRONLY', 'O_TRUNC']
  .map((name) => Number(symbolValue(name)))
  .reduce((all, flag) => all | flag);

/** The calls that make, copy and change descriptors: what mmap will be given. */
export const FILE_DECODERS: Readonly<Record<string, (a: Arguments) => FileCall>> = {
  open: (a) => opened(a, 'open', 0),
  openat: (a) => opened(a, 'openat', 1),
  creat: (a) => ({
    name: 'creat',
    dirfd: null,
    pathname: a.string(0),
    flags: CREAT_FLAGS,
    mode: a.int(1),
  }),
  memfd_create: (a) => ({ name: 'memfd_create', pathname: a.string(0), flags: a.int(1) }),
  memfd_secret: (a) => ({ name: 'memfd_secret', flags: a.int(0) }),
  userfaultfd: (a) => ({ name: 'userfaultfd', flags: a.int(0) }),
  dup: (a) => ({ name: 'dup', oldfd: a.fd(0) }),
  dup2: (a) => ({ name: 'dup2', oldfd: a.fd(0), newfd: a.fd(1).fd, flags: 0 }),
  dup3: (a) => ({ name: 'dup3', oldfd: a.fd(0), newfd: a.fd(1).fd, flags: a.int(2) }),
  close: (a) => ({ name: 'close', fd: a.fd(0) }),
  fcntl: (a) => ({ name: 'fcntl', fd: a.fd(0), op: a.int(1), arg: a.wordOrNull(2) }),
  ftruncate: (a) => ({ name: 'ftruncate', fd: a.fd(0), length: a.word(1) }),
  truncate: (a) => ({ name: 'truncate', pathname: a.string(0), length: a.word(1) }),
};

/** @param at where the path stands, behind the directory. */
function opened(a: Arguments, name: 'open' | 'openat', at: number): FileCall {
  return {
    name,
    dirfd: at > 0 ? a.fd(0) : null,
    pathname: a.string(at),
    flags: a.int(at + 1),
    mode: a.intOr(at + 2, 0),
  };
}
