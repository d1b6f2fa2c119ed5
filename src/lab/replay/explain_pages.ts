/**
 * Why the kernel has more or less of a VMA in memory than the recorded page faults can explain.
 *
 * The engine maps what the recorded faults map, with all neighbours in a window of 64 KiB: it takes
 * every file for wholly cached, page by page. So the kernel has less where it passed over a
 * neighbour, and more where its page cache held several pages as one, or where something made pages
 * present that is no recorded fault. All else contradicts the recording.
 */
import { hasFlag, PAGE_SIZE, VM_GROWSDOWN } from '../../index.ts';
import type { PageFigures } from './compare_pages.ts';
import { STACK_GAP_BYTES } from './image.ts';
import type { RefusedTouch } from './program.ts';

/** Names of what explains a difference; each is decided by the figures. */
export type PageReason =
  /** Only neighbours that nobody asked for are missing in the kernel. */
  | 'passed-over'
  /** More of a file in the kernel, and no more private memory: neighbours outside the window. */
  | 'large-folio'
  /** More in the kernel, while other threads were running. */
  | 'ran-on'
  /** More in the kernel at the top of a stack: arguments, below which there is a random gap. */
  | 'arguments'
  /** More in the kernel: as many recorded faults met a SIGSEGV here. Their times are not the log's. */
  | 'out-of-order'
  /** More in the kernel, and no recorded fault of the VMA was refused here. */
  | 'unrecorded';

/** What is known of a process at its end. */
export interface EndEvidence {
  /** Other threads had not ended when the figures were taken. */
  readonly hasOtherThreads: boolean;
  readonly refused: readonly RefusedTouch[];
}

/** @returns null when nothing that was recorded explains it. */
export function reasonOf(figures: PageFigures, evidence: EndEvidence): PageReason | null {
  const { kernel, engine } = figures;
  const anonymous = kernel.anonymous - engine.anonymous;
  const file = kernel.rss - kernel.anonymous - (engine.rss - engine.anonymous);
  if (anonymous === 0 && file < 0) return -file <= engine.unused ? 'passed-over' : null;
  // A copy takes the place of the file's page; a page less of either kind was there by a fault.
  if (anonymous < 0 || -file > anonymous + engine.unused) return null;
  const refused = refusedIn(figures, evidence.refused);
  if (refused.length > 0) return isOutOfOrder(refused, anonymous) ? 'out-of-order' : null;
  if (anonymous === 0 && isFileMapped(figures)) return 'large-folio';
  if (evidence.hasOtherThreads) return 'ran-on';
  const isStack = hasFlag(figures.flags, VM_GROWSDOWN);
  return isStack && file === 0 && anonymous <= STACK_GAP_BYTES ? 'arguments' : 'unrecorded';
}

/** A fault has mapped pages of a file here, and so may have mapped more. */
const isFileMapped = ({ line, engine }: PageFigures): boolean =>
  line.ino !== 0 && engine.rss > engine.anonymous;

const refusedIn = (
  { line }: PageFigures,
  refused: readonly RefusedTouch[],
): readonly RefusedTouch[] => refused.filter(({ addr }) => addr >= line.start && addr < line.end);

/** Each page of the difference has a fault that came when its mapping was not as it was then. */
function isOutOfOrder(refused: readonly RefusedTouch[], anonymous: number): boolean {
  const pages = new Set(refused.map(({ addr }) => Math.floor(addr / PAGE_SIZE)));
  return refused.every(({ met }) => met.startsWith('SEGV')) && pages.size * PAGE_SIZE >= anonymous;
}
