/**
 * A place of the code, as text: the engine's functions on the stack, innermost first.
 *
 *   vmAreaDup (mm/vma_alloc.ts:77) < splitVma (vma/split.ts:60) < gatherVmas (vma/munmap.ts:98)
 *
 * For reports of checked builds and of refused allocations only: it takes microseconds. Where the
 * runtime does not say which functions are on the stack there are no places, and the text is ''.
 */

/** One function on the stack. */
interface Frame {
  readonly name: string;
  /** The file within the engine, or '' where all of it is one module. */
  readonly file: string;
  readonly line: number;
}

/** What V8 has of errors beside the standard. */
interface StackTraces {
  stackTraceLimit: number;
  prepareStackTrace?: (error: unknown, sites: readonly Site[]) => unknown;
  readonly captureStackTrace?: (to: object) => void;
}

interface Site {
  readonly getFileName: () => string | null | undefined;
  readonly getFunctionName: () => string | null;
  readonly getLineNumber: () => number | null;
}

const errors = Error as unknown as StackTraces;

/** How many functions of the stack are looked at, and how many a place names. */
const DEPTH = 24;
const NAMED = 5;

/** What stands between a function and its place: it says nothing of who asked. */
const MACHINERY = /^(?:slab\/(?:cache|fail)|arena\/|sync\/)/u;
const MACHINERY_NAMES =
  /^(?:placeOfCaller|engineStack|thisMoment|checkLockOrder|checkWrite|spin\w*Lock|down\w+|shadow\w*|cache(?:Alloc|Free)\w*|isRefused)$/u;

/** The stack at one moment, which nobody has looked at yet: that is what takes long. */
export interface Moment {
  readonly stack?: unknown;
}

/** The stack now. */
export function thisMoment(): Moment {
  const moment: Moment = {};
  if (errors.captureStackTrace === undefined) return moment;
  const { stackTraceLimit } = errors;
  errors.stackTraceLimit = DEPTH;
  errors.captureStackTrace(moment);
  errors.stackTraceLimit = stackTraceLimit;
  return moment;
}

/** The functions of the engine on the stack, innermost first, without the allocator's own. */
export function engineStack(moment = thisMoment()): Frame[] {
  const { prepareStackTrace } = errors;
  errors.prepareStackTrace = (_error, sites) => sites.map(frameOf);
  const frames = moment.stack; // formatted when it is first looked at
  if (prepareStackTrace === undefined) delete errors.prepareStackTrace;
  else errors.prepareStackTrace = prepareStackTrace;
  if (!Array.isArray(frames)) return [];
  const asked = (frames as Frame[]).filter(isAsking);
  // Where all is one module, nothing tells the engine's functions from those of its users.
  return asked.some(({ file }) => file !== '') ? asked.filter(({ file }) => file !== '') : asked;
}

/** @returns the place of whoever asked slab, or took a lock. */
export const placeOfCaller = (moment = thisMoment()): string =>
  engineStack(moment)
    .slice(0, NAMED)
    .map(({ name, file, line }) => (file === '' ? name : `${name} (${file}:${line})`))
    .join(' < ');

function frameOf(site: Site): Frame {
  const path = site.getFileName() ?? '';
  const [, file = ''] = /\/engine\/(.+?)(?:\?.*)?$/u.exec(path) ?? [];
  return { name: site.getFunctionName() ?? '', file, line: site.getLineNumber() ?? 0 };
}

const isAsking = ({ name, file }: Frame): boolean =>
  name !== '' && !MACHINERY.test(file) && !MACHINERY_NAMES.test(name);
