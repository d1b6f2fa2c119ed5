/**
 * Gap codes: how large the largest gap below a slot is, in one word.
 *
 * A gap can be 2^53 indexes long, a word has 31 bits. The code keeps the order of
 * sizes, and is exact where it matters:
 *
 *   size    0 ........ 2^30 ............................. 2^42 ......... 2^53
 *   code    the size    2^30 + size in units of 4096,      the largest code
 *                       rounded up
 *
 * So of page-aligned gaps only those of 4 TiB and more look alike, and a 47-bit
 * space has room for 31 of them. The code never makes a gap look smaller than it
 * is: a search that follows it visits at worst a few leaves in vain.
 */
import { innerGap, nodeGap, setNodeGap } from './node_struct.ts';
import { type Path, stepAt } from './path.ts';

/** Sizes below this are their own code. */
const FINE = 2 ** 30;
const UNIT = 4096;
const CODE_MAX = 2 ** 31 - 1;

export const gapCode = (size: number): number =>
  size < FINE ? size : Math.min(FINE + Math.ceil(size / UNIT), CODE_MAX);

/** Tells the nodes above `depth` on the path that the largest gap below there is now `gap`. */
export function updateGaps(path: Path, depth: number, gap: number): void {
  let largest = gap;
  for (let above = depth - 1; above >= 0; above--) {
    const { node, slot } = stepAt(path, above);
    const old = nodeGap(node, slot);
    if (old === largest) return;
    setNodeGap(node, slot, largest);
    if (above === 0) return;

    // What the parent has listed is the largest of this node as it was.
    const parent = stepAt(path, above - 1);
    const listed = nodeGap(parent.node, parent.slot);
    if (largest > listed) continue;
    if (old < listed) return;
    largest = innerGap(node);
  }
}
