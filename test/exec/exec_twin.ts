/**
 * One execve() in two worlds: of the live kernel, stopped before its first instruction, and ours.
 * Both are told as text, so that a difference is a difference of lines.
 */
import { readFileSync } from 'node:fs';
import { execPath, NodeFiles } from '../../src/host/node_files.ts';
import type { ExecCall, ExecOutcome, Stopped } from '../../src/lab/oracle/exec_probe.ts';
import {
  AT_EGID,
  AT_EUID,
  AT_EXECFN,
  AT_GID,
  AT_HWCAP,
  AT_HWCAP2,
  AT_MINSIGSTKSZ,
  AT_PLATFORM,
  AT_UID,
  Machine,
  type MachineOptions,
  type Process,
} from '../../src/index.ts';
import { isRoot } from '../twin.ts';

/** What both worlds show of an exec; addresses are hex. */
export interface Told {
  readonly result: string;
  readonly maps: string;
  readonly marks: string;
  readonly stack: string;
}

const hex = (value: number): string => value.toString(16);
const NOTHING = { maps: '', marks: '', stack: '' };

export function tellTheirs(outcome: ExecOutcome): Told {
  if (outcome.kind === 'failed') return { result: `errno ${outcome.errno}`, ...NOTHING };
  if (outcome.kind === 'killed') return { result: `signal ${outcome.signal}`, ...NOTHING };
  return {
    result: `entry ${hex(outcome.entry)} sp ${hex(outcome.stackPointer)}`,
    maps: linesOfSmaps(outcome.smaps),
    marks: theirMarks(outcome),
    stack: tellStack((addr, length) => outcome.read(addr, length), outcome.stackPointer),
  };
}

/** Header and flags of each mapping, and what is present of it as private memory. */
function linesOfSmaps(smaps: string): string {
  const lines = smaps.split('\n').filter((line) => /^[0-9a-f]+-|^VmFlags:|^Anonymous:/u.test(line));
  const text = lines.map((line) => line.trim().replaceAll(/ +/gu, ' ')).join('\n');
  return text.replace(/\n?ffffffffff600000-[^]*$/u, '');
}

/** The numbers of the fields in proc_pid_stat(5). */
const STAT_FIELDS = [
  ['startCode', 26],
  ['endCode', 27],
  ['startStack', 28],
  ['startData', 45],
  ['endData', 46],
  ['startBrk', 47],
  ['argStart', 48],
  ['argEnd', 49],
  ['envStart', 50],
  ['envEnd', 51],
] as const;

/** Beyond 2^53 only the leading digits are the same. */
const rough = (value: number): string => (value < 2 ** 53 ? hex(value) : value.toPrecision(12));

const theirMarks = ({ stat }: Stopped): string =>
  STAT_FIELDS.map(([name, field]) => `${name} ${rough(Number(stat[field]))}`).join('\n');

type Reader = (addr: number, length: number) => Uint8Array;

/** Types whose value is the CPU's or the user's and no place. */
const NO_PLACES: ReadonlySet<number> = new Set([
  AT_UID,
  AT_EUID,
  AT_GID,
  AT_EGID,
  AT_HWCAP,
  AT_HWCAP2,
  AT_MINSIGSTKSZ,
]);

/** Everything from the stack pointer to the end of the strings; random bytes left out. */
function tellStack(read: Reader, sp: number): string {
  const word = (at: number): number => {
    const bytes = read(at, 8);
    if (bytes.length < 8) return NaN;
    return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  };
  const lines: string[] = [];
  const argc = word(sp);
  let at = sp + 8;
  lines.push(`argc ${argc}`);
  for (const list of ['argv', 'envp']) {
    for (let pointer = word(at); pointer !== 0; pointer = word(at)) {
      if (Number.isNaN(pointer)) return [...lines, 'unreadable'].join('\n');
      lines.push(`${list} ${hex(pointer)} ${stringAt(read, pointer)}`);
      at += 8;
    }
    at += 8;
  }
  for (let type = word(at); ; type = word(at)) {
    const value = word(at + 8);
    lines.push(`auxv ${type} ${NO_PLACES.has(type) ? '' : rough(value)}`);
    if (type === AT_EXECFN || type === AT_PLATFORM) lines.push(stringAt(read, value));
    at += 16;
    if (!(type > 0)) break;
  }
  return lines.join('\n');
}

function stringAt(read: Reader, addr: number): string {
  let text = '';
  for (let at = addr; text.length < 2 ** 18;) {
    const bytes = read(at, 4096 - (at % 4096));
    const end = bytes.indexOf(0);
    text += Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
    if (end >= 0 || bytes.length === 0) break;
    at += bytes.length;
  }
  return text.length > 200 ? `${text.length} bytes ${text.slice(0, 50)}` : text;
}

/** A machine that executes files of the system. */
export const startMachine = ({ sysctl, ...options }: MachineOptions = {}): Machine =>
  Machine.create({
    bytes: 32 * 2 ** 20,
    ramBytes: 64 * 2 ** 20,
    host: new NodeFiles(),
    sysctl: { mmap_min_addr: minAddr(), ...sysctl },
    ...options,
  });

const minAddr = (): number => Number(readFileSync('/proc/sys/vm/mmap_min_addr', 'latin1'));

/** Runs the same exec with us, with the rights of who runs the other. */
export function tellOurs(process: Process, { path, argv, envp }: ExecCall): Told {
  if (!isRoot()) process.setCapabilities(0);
  const started = execPath(process, path, { argv, envp });
  process.verify();
  if (typeof started === 'number') {
    const signal = process.fatalSignal();
    return { result: signal === 0 ? `errno ${started}` : `signal ${signal}`, ...NOTHING };
  }
  return {
    result: `entry ${hex(started.entry)} sp ${hex(started.stackPointer)}`,
    maps: linesOfSmaps(process.smaps()),
    marks: ourMarks(process),
    stack: tellStack((addr, length) => readOurs(process, addr, length), started.stackPointer),
  };
}

function ourMarks(process: Process): string {
  const layout = process.layout();
  return STAT_FIELDS.map(([name]) => `${name} ${rough(layout[name])}`).join('\n');
}

function readOurs(process: Process, addr: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, Math.max(0, process.read(addr, bytes)));
}
