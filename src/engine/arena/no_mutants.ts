/**
 * Planted bugs: what `#mutants` is in every build but a checked one. None is ever there, and what
 * they would do is left out by the bundler.
 *
 * Each takes one check, barrier or order away that the protocols need, so that the checker can show
 * which scenario would have found it missing (docs/mutants.md).
 */

/** vmaStartRead() does not ask whose the VMA is by now. */
export const NO_MM_CHECK: boolean = false;
