import type { Arguments } from './arguments.ts';
import type {
  CloneCall,
  ExecCall,
  Limit,
  PrctlCall,
  ProcessCall,
  SigchldCall,
  WaitCall,
} from './memory_call.ts';
import type { Call, Word } from './record.ts';
import { symbolValue } from './symbols.ts';
import { parseString } from './text.ts';
import { parseStruct, type Struct } from './value.ts';

type Decoder = (a: Arguments) => ProcessCall;

/** The calls that make, limit, shape and end processes. */
export const PROCESS_DECODERS: Readonly<Record<string, Decoder>> = {
  fork: (a) => child(a.call, 'fork', { ...NO_STACK, flags: 0, exitSignal: SIGCHLD }),
  vfork: (a) => child(a.call, 'vfork', { ...NO_STACK, flags: VFORK, exitSignal: SIGCHLD }),
  clone,
  clone3,
  execve: (a) => exec(a, 'execve', 0),
  execveat: (a) => exec(a, 'execveat', 1),
  exit: (a) => ({ name: 'exit', status: a.int(0) }),
  exit_group: (a) => ({ name: 'exit_group', status: a.int(0) }),
  prlimit64: (a) => ({
    name: 'prlimit64',
    pid: a.int(0),
    resource: a.int(1),
    newLimit: limit(a, 2),
    oldLimit: limit(a, 3),
  }),
  setrlimit: (a) => ({
    name: 'setrlimit',
    pid: 0,
    resource: a.int(0),
    newLimit: limit(a, 1),
    oldLimit: null,
  }),
  getrlimit: (a) => ({
    name: 'getrlimit',
    pid: 0,
    resource: a.int(0),
    newLimit: null,
    oldLimit: limit(a, 1),
  }),
  prctl,
  personality: (a) => ({ name: 'personality', persona: a.word(0) }),
  wait4,
  waitid,
  rt_sigaction,
  arch_prctl: (a) => ({ name: 'arch_prctl', op: a.int(0), addr: a.wordOrNull(1) }),
};

const bitNamed = (name: string): number => Number(symbolValue(name) ?? 0);
const SIGCHLD = bitNamed('SIGCHLD');
const CLONE_VM = bitNamed('CLONE_VM');
const CLONE_THREAD = bitNamed('CLONE_THREAD');
const CLONE_VFORK = bitNamed('CLONE_VFORK');
const VFORK = CLONE_VM + CLONE_VFORK;
/** The low byte of clone's flags is the signal sent at the child's end. */
const CSIGNAL = 0x100;

/** What a new child is given. */
type Gift = Pick<CloneCall, 'flags' | 'exitSignal' | 'stack' | 'stackSize'>;
const NO_STACK = { stack: 0, stackSize: 0 };

function child(call: Call, name: CloneCall['name'], gift: Gift): CloneCall {
  return {
    name,
    ...gift,
    childTid: childOf(call),
    sharesMm: hasBit(gift.flags, CLONE_VM),
    isThread: hasBit(gift.flags, CLONE_THREAD),
    isVfork: hasBit(gift.flags, CLONE_VFORK),
  };
}

function childOf({ result }: Call): number | null {
  return result.kind === 'value' && result.value > 0 ? Number(result.value) : null;
}

/** Division, since `&` would cut the flags of clone3 to 32 bits. */
function hasBit(flags: number, bit: number): boolean {
  return Math.floor(flags / bit) % 2 === 1;
}

function clone(a: Arguments): CloneCall {
  const all = Number(a.named('flags', 0));
  return child(a.call, 'clone', {
    flags: all - (all % CSIGNAL),
    exitSignal: all % CSIGNAL,
    stack: a.named('child_stack', a.named('stack', 0)),
    stackSize: 0,
  });
}

function clone3(a: Arguments): CloneCall {
  const given = parseStruct(a.raw(0));
  // An address the kernel could not read either is an answer; one that only strace could not, not.
  if (given === null && a.call.result.kind !== 'error') a.refuse(0, 'not a structure');
  const read = (name: string): Word => (given === null ? 0 : a.field(given, name, 0));
  return child(a.call, 'clone3', {
    flags: Number(read('flags')),
    exitSignal: Number(read('exit_signal')),
    stack: read('stack'),
    stackSize: read('stack_size'),
  });
}

function exec(a: Arguments, name: ExecCall['name'], at: number): ExecCall {
  return {
    name,
    dirfd: at > 0 ? a.fd(0) : null,
    pathname: a.string(at),
    argv: strings(parseStruct(a.raw(at + 1))),
    flags: at > 0 ? a.int(at + 3) : 0,
  };
}

/** @returns the strings of an array; what is left out of it (`...`) is left out here. */
function strings(array: Struct | null): string[] | null {
  if (array === null) return null;
  return array.items.map(parseString).flatMap((text) => (text === null ? [] : [text.value]));
}

/** Reads `{rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}`; NULL or an address is no limit. */
function limit(a: Arguments, index: number): Limit | null {
  const given = parseStruct(a.raw(index));
  if (given === null) return null;
  return { cur: a.field(given, 'rlim_cur', 0), max: a.field(given, 'rlim_max', 0) };
}

function prctl(a: Arguments): PrctlCall {
  const rest = a.call.args.slice(1);
  const text = rest.map(parseString).find((found) => found !== null);
  return {
    name: 'prctl',
    option: a.int(0),
    args: rest.map((_, index) => a.wordOrNull(index + 1)),
    text: text ?? null,
  };
}

function wait4(a: Arguments): WaitCall {
  const text = a.call.args[1] ?? '';
  const childTid = childOf(a.call);
  const status = statusOf(text);
  // A child that has stopped or goes on has not ended.
  const isEnd = status !== null || !/WIFSTOPPED|WIFCONTINUED/u.test(text);
  const known = childTid !== null && isEnd ? { childTid, status } : NO_END;
  return { name: 'wait4', pid: a.intOr(0, -1), options: a.intOr(2, 0), ...known };
}

const NO_END = { childTid: null, status: null };
const CLD_ENDS: ReadonlySet<string> = new Set(['CLD_EXITED', 'CLD_KILLED', 'CLD_DUMPED']);
const WNOWAIT = 0x01000000;

/** What it tells of a child is in a siginfo_t; the number of who is waited for has a kind here. */
function waitid(a: Arguments): WaitCall {
  const options = a.intOr(3, 0);
  const info = a.call.args[2] ?? '';
  const code = /si_code=(CLD_[A-Z]+)/u.exec(info)?.[1] ?? '';
  const pid = /si_pid=(\d+)/u.exec(info)?.[1];
  const isTaken = CLD_ENDS.has(code) && Math.floor(options / WNOWAIT) % 2 === 0;
  const childTid = isTaken && pid !== undefined ? Number(pid) : null;
  return { name: 'waitid', pid: -1, options, childTid, status: null };
}

/**
 * Reads `[{WIFEXITED(s) && WEXITSTATUS(s) == 3}]`, without the bit that tells of a core.
 *
 * @returns null for what tells of no end.
 */
function statusOf(text: string): number | null {
  const exited = /WEXITSTATUS\(s\) == (\d+)/u.exec(text)?.[1];
  if (exited !== undefined) return Number(exited) * 0x100;
  const name = /WTERMSIG\(s\) == (\w+)/u.exec(text)?.[1];
  const signal = name === undefined ? undefined : (symbolValue(name) ?? Number(name));
  return signal === undefined || Number.isNaN(Number(signal)) ? null : Number(signal);
}

/** Only what becomes of children is of interest: other signals are read as calls that ask. */
function rt_sigaction(a: Arguments): SigchldCall {
  const [signal = '', action = ''] = a.call.args;
  const isSigchld =
    signal === 'SIGCHLD' || Number.parseInt(signal, signal.startsWith('0x') ? 16 : 10) === SIGCHLD;
  const handler = /sa_handler=(\w+)/u.exec(action)?.[1];
  if (!isSigchld || handler === undefined) return { name: 'rt_sigaction', ignores: null };
  const isIgnored = handler === 'SIG_IGN' || handler === '0x1';
  return { name: 'rt_sigaction', ignores: isIgnored || action.includes('SA_NOCLDWAIT') };
}
