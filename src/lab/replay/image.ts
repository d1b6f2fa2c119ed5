/** The image that a program starts with, from the maps recorded right after exec. */
import {
  type ExecImage,
  hasFlag,
  type InitialVma,
  PAGE_SIZE,
  type Process,
  VM_ACCOUNT,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type VmFlags,
  vmFlagsOfText,
  withFlags,
} from '../../index.ts';
import type { MapsLine } from './maps_text.ts';
import type { FileWorld } from './openings.ts';

/**
 * What the kernel sets on the mappings it makes itself. Source: arch/x86/entry/vdso/vma.c, v6.18.
 */
export const SPECIAL_NAMES: Readonly<Record<string, string>> = {
  '[vvar]': 'rd mr pf io de dd',
  '[vvar_vclock]': 'rd mr pf io de dd',
  '[vdso]': 'rd ex mr mw me de',
};

/** Above this, mappings are placed downwards from below the stack. */
const TOP_DOWN_FROM = 0x7000_0000_0000;

/** An image, and the descriptors to close once it is mapped. */
export interface OpenImage {
  readonly image: ExecImage;
  readonly fds: Iterable<number>;
}

export function imageOfMaps(lines: readonly MapsLine[], brk: number, world: FileWorld): OpenImage {
  const fds = new Map<string, number>();
  const vmas = lines.map((line) => initialVma(line, fds, world));
  const stack = lines.find(({ name }) => name === '[stack]');
  const placed = lines.filter(
    ({ name, end }) => isPlaced(name) && (stack === undefined || end <= stack.start),
  );
  const top = Math.max(...placed.map(({ end }) => end));
  const isLegacy = top < TOP_DOWN_FROM;
  const startStack = stack === undefined ? {} : { startStack: stack.end - PAGE_SIZE };
  const base = isLegacy ? legacyBase(placed) : { mmapBase: top };
  const layout = { ...base, ...startStack, startBrk: brk, brk };
  return { image: { vmas, layout, isLegacyLayout: isLegacy }, fds: fds.values() };
}

const isPlaced = (name: string): boolean => name !== '[heap]' && name !== '[stack]';

function legacyBase(placed: readonly MapsLine[]): { mmapLegacyBase: number } {
  const special = placed.find(({ name }) => name in SPECIAL_NAMES);
  const loader = placed.find(({ name }) => /\/ld[^/]*\.so/.test(name));
  const starts = [special?.start, loader?.start].filter((start) => start !== undefined);
  return { mmapLegacyBase: Math.min(...starts, 2 ** 47) };
}

function initialVma(line: MapsLine, fds: Map<string, number>, world: FileWorld): InitialVma {
  const { start, end, name } = line;
  const range = { start, end, flags: flagsOfLine(line) };
  if (name in SPECIAL_NAMES) return { ...range, pgoff: 0, special: name };
  if (!name.startsWith('/')) return range;
  const fd = fds.get(name) ?? world.openFile(name, line);
  fds.set(name, fd);
  return { ...range, fd, pgoff: line.offset / PAGE_SIZE };
}

/** The flags of a mapping that nobody but the kernel has touched yet. */
export function flagsOfLine({ perms, name, vmFlags }: MapsLine): VmFlags {
  const special = SPECIAL_NAMES[name];
  if (special !== undefined) return vmFlagsOfText(vmFlags?.join(' ') ?? special);
  let flags = withFlags(withFlags(VM_MAYREAD, VM_MAYWRITE), VM_MAYEXEC);
  if (perms[0] === 'r') flags = withFlags(flags, VM_READ);
  if (perms[2] === 'x') flags = withFlags(flags, VM_EXEC);
  if (perms[3] === 's') flags = withFlags(withFlags(flags, VM_SHARED), VM_MAYSHARE);
  if (perms[1] === 'w') flags = withFlags(flags, VM_WRITE);
  if (perms[1] === 'w' && perms[3] === 'p') flags = withFlags(flags, VM_ACCOUNT);
  return name === '[stack]' ? withFlags(flags, VM_GROWSDOWN) : flags;
}

/** What the kernel itself writes while it starts a program; only some of it is ever recorded. */
export interface ExecWrites {
  /** Bytes of arguments at the top of the stack, written before there is anybody to fault. */
  readonly argumentBytes: number;
  /** Whether the recording shows the zeros behind the initialised data as faults. */
  readonly isRecorded: boolean;
}

/** Writes the arguments, and zeros behind the initialised data: on its last page. */
export function touchAsExec(process: Process, image: ExecImage, writes: ExecWrites): void {
  for (const { start, end, flags, fd } of image.vmas) {
    if (!hasFlag(flags, VM_WRITE)) continue;
    if (hasFlag(flags, VM_GROWSDOWN)) {
      const low = Math.max(start, end - writes.argumentBytes);
      for (let at = low; at < end; at += PAGE_SIZE) process.touch(at, 'write');
    } else if (fd !== undefined && !writes.isRecorded) process.touch(end - PAGE_SIZE, 'write');
  }
}

/** Where a stack ends when addresses are not randomised. */
const STACK_TOP = 0x7ffffffff000;
/** Most that is left free at random below the arguments. Source: arch_align_stack(), v6.18. */
export const STACK_GAP_BYTES = 8192;

/**
 * How much of its stack an exec has written for certain: all above the highest page that faulted,
 * since the program goes down from there, but for the gap. Without any fault, one page.
 *
 * @param faults addresses of the program's first faults.
 */
export function argumentBytesOf(image: ExecImage, faults: readonly number[]): number {
  const stack = image.vmas.find(({ flags }) => hasFlag(flags, VM_GROWSDOWN));
  if (stack === undefined) return 0;
  const inStack = faults.filter((addr) => addr >= stack.start && addr < stack.end);
  const highest = Math.max(...inStack);
  if (highest === -Infinity) return PAGE_SIZE;
  const above = stack.end - Math.floor(highest / PAGE_SIZE) * PAGE_SIZE - PAGE_SIZE;
  return Math.max(above - (stack.end === STACK_TOP ? 0 : STACK_GAP_BYTES), PAGE_SIZE);
}
