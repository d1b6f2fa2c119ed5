/** Pages loaded and stored by a process, and how many page faults that took. */
import type { Kernel } from './kernel.ts';
import {
  type Answer,
  type Request,
  requestCall,
  requestLoad,
  requestLoadPage,
  requestStore,
} from './request.ts';
import { syscallNumber } from './syscalls.ts';

const PAGE = 4096n;
const SIGSEGV = 11;
const RUSAGE_THREAD = 1;
const USAGE_AT = 0; // in the scratch area
/** Of struct rusage: ru_minflt, ru_majflt. */
const MINOR_AT = 64;
const MAJOR_AT = 72;

/** One page touched: 1 stored, a signal like "S1", or the words loaded. */
export type Touch = number | string;

export interface Touched {
  t: Touch[];
  /** Not told where a signal was met: its frame may take faults of its own. */
  f?: number;
}

/** Bytes; each page of the range is touched once. */
export interface Pages {
  readonly addr: bigint;
  readonly len: bigint;
}

/** Stores value + i at the start of page i. */
export function storePages(kernel: Kernel, pages: Pages, value: bigint): Touched {
  const requests = pagesOf(pages).map((page, i) => requestStore(page, value + BigInt(i)));
  return counted(kernel, requests, () => 1);
}

/** Loads each page: its first word, and the weighted sum of all words where that is another. */
export function loadPages(kernel: Kernel, pages: Pages): Touched {
  return counted(kernel, pagesOf(pages).map(requestLoadPage), ({ value, sum }) => {
    const word = value.toString(16);
    return sum === value ? word : `${word}/${sum.toString(16)}`;
  });
}

function pagesOf({ addr, len }: Pages): bigint[] {
  const count = Number((len + PAGE - 1n) / PAGE);
  return Array.from({ length: count }, (_, i) => addr + BigInt(i) * PAGE);
}

function counted(
  kernel: Kernel,
  touches: readonly Request[],
  told: (answer: Answer) => Touch,
): Touched {
  // Written first: after a fork the page is copied, and that is no fault of the touches.
  const usage = kernel.poke(USAGE_AT, Buffer.alloc(8));
  const before = usageRequests(usage);
  const answers = kernel.batch([...before, ...touches, ...usageRequests(usage)]);
  const faults = faultsOf(answers.slice(-before.length)) - faultsOf(answers);
  const touched = answers.slice(before.length, -before.length);
  const t = touched.map((answer) => (answer.signal === 0 ? told(answer) : signalName(answer)));
  return touched.some(({ signal }) => signal !== 0) ? { t } : { t, f: faults };
}

const usageRequests = (usage: number): Request[] => [
  requestCall(syscallNumber('getrusage'), [RUSAGE_THREAD, usage]),
  requestLoad(BigInt(usage + MINOR_AT)),
  requestLoad(BigInt(usage + MAJOR_AT)),
];

const faultsOf = ([, minor, major]: readonly Answer[]): number =>
  Number((minor?.value ?? 0n) + (major?.value ?? 0n));

const signalName = ({ signal, code }: Answer): string => `${signal === SIGSEGV ? 'S' : 'B'}${code}`;
