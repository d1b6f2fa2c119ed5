/** Keeps the descriptors of a process, as far as the log shows the calls that change them. */
import type { FileCall, MemoryCall } from '../strace/memory_call.ts';
import type { Call } from '../strace/record.ts';
import { type FileTable, type FileWorld, Opening } from './openings.ts';

const FILE_CALLS: ReadonlySet<string> = new Set<FileCall['name']>([
  'open',
  'openat',
  'creat',
  'memfd_create',
  'memfd_secret',
  'userfaultfd',
  'dup',
  'dup2',
  'dup3',
  'close',
  'fcntl',
  'ftruncate',
  'truncate',
]);

const F_DUPFD = 0;
const F_DUPFD_CLOEXEC = 1030;
const F_ADD_SEALS = 1033;
const O_RDWR = 2;

export const isFileCall = (call: MemoryCall): call is FileCall => FILE_CALLS.has(call.name);

/** Applies a call that succeeded. */
export function trackFiles(files: FileTable, world: FileWorld, done: FileDone): void {
  const { call, record } = done;
  const { result } = record;
  if (result.kind !== 'value') return;
  const value = Number(result.value);
  const line = endLine(record);
  if (call.name === 'close') files.close(call.fd.fd, record.line);
  else if (call.name === 'dup') files.alias(call.oldfd.fd, value, line);
  else if (call.name === 'dup2' || call.name === 'dup3') files.alias(call.oldfd.fd, value, line);
  else if (call.name === 'fcntl') trackFcntl(files, world, { call, value, line });
  else if (call.name === 'ftruncate') trackSize(files.get(call.fd.fd), world, Number(call.length));
  else trackOpen(files, done, value);
}

interface FileDone {
  readonly call: FileCall;
  readonly record: Call;
}

const endLine = ({ line, resumed }: Call): number => resumed?.line ?? line;

type Fcntl = Extract<FileCall, { name: 'fcntl' }>;

function trackFcntl(
  files: FileTable,
  world: FileWorld,
  { call, value, line }: { call: Fcntl; value: number; line: number },
): void {
  const { fd, op, arg } = call;
  if (op === F_DUPFD || op === F_DUPFD_CLOEXEC) files.alias(fd.fd, value, line);
  const opening = files.get(fd.fd);
  if (op !== F_ADD_SEALS || opening === undefined || arg === null) return;
  opening.seals |= Number(arg);
  if (opening.machineFd >= 0) world.machine.addSeals(opening.machineFd, Number(arg));
}

function trackSize(opening: Opening | undefined, world: FileWorld, size: number): void {
  if (opening === undefined) return;
  opening.size = size;
  if (opening.machineFd >= 0) world.machine.truncate(opening.machineFd, size);
}

function trackOpen(files: FileTable, { call, record }: FileDone, fd: number): void {
  const { result } = record;
  if (result.kind !== 'value') return;
  const line = endLine(record);
  if (call.name === 'memfd_create') {
    // Empty, but who maps it has made it larger: by a call that the log may leave out.
    files.set(fd, new Opening(`/memfd:${call.pathname ?? ''} (deleted)`, O_RDWR), line);
  } else if (call.name === 'memfd_secret') {
    files.set(fd, new Opening('/secretmem (deleted)', O_RDWR), line);
  } else if (call.name === 'open' || call.name === 'openat' || call.name === 'creat') {
    files.set(fd, new Opening(result.path ?? call.pathname, call.flags), line);
  }
}
