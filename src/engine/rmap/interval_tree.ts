/**
 * A tree of intervals of pages: which of them meet a range? Its nodes are words of
 * the structures that are looked for, so linking never allocates and never fails.
 *
 *   node     0      2     4    6       7     8      10 words, at an even index
 *            first  last  max  parent  left  right
 *
 *                 [4 6] max 9          in order of `first`; `max` is the greatest
 *                /           \         `last` below a node, and says where not
 *          [0 9] max 9    [5 7] max 7  to look
 *
 * It is a treap: a node's rank, a hash of its place in the arena, is above its
 * children's. The shape depends on nothing else, so 60,000 equal intervals make no
 * deeper tree than others. Plain words, all of them: under the lock of the tree.
 *
 * Source: the behaviour of lib/interval_tree.c, v6.18; the algorithm is ours.
 */
import { assert } from '../arena/assert.ts';
import { double, setDouble, setWord, word } from '../arena/memory.ts';
import { NULL, type Null, type Ref, type WordAt } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';

export type IntervalNode = Ref<'interval_node'>;

/** Pages, both inclusive. */
export interface PageInterval {
  readonly first: number;
  readonly last: number;
}

keepShape({ first: Infinity, last: Infinity } satisfies PageInterval);

const FIRST = 0; // a double
const LAST = 2; //  a double
const MAX = 4; //   a double
const PARENT = 6;
const LEFT = 7;
const RIGHT = 8;

type Link = IntervalNode | Null;

export const intervalFirst = (node: IntervalNode): number => double(node + FIRST);
export const intervalLast = (node: IntervalNode): number => double(node + LAST);
export const intervalMax = (node: IntervalNode): number => double(node + MAX);
export const intervalParent = (node: IntervalNode): Link => word(node + PARENT) as Link;
export const intervalLeft = (node: IntervalNode): Link => word(node + LEFT) as Link;
export const intervalRight = (node: IntervalNode): Link => word(node + RIGHT) as Link;

/** Puts a node into the tree whose root is in the word `root`, behind those with an equal start. */
export function intervalTreeInsert(
  root: WordAt,
  node: IntervalNode,
  { first, last }: PageInterval,
): void {
  assert(first <= last, 'an interval has pages');
  let parent: Link = NULL;
  let slot = root;
  // Ends at a free slot: each step goes one level down.
  for (let at = word(root) as Link; at !== NULL; at = word(slot) as Link) {
    if (intervalMax(at) < last) setDouble(at + MAX, last);
    parent = at;
    slot = at + (first < intervalFirst(at) ? LEFT : RIGHT);
  }
  fill(node, first, last);
  attach(root, node, { parent, slot });
}

/** Puts a node with the interval of `prev` right behind it. */
export function intervalTreeInsertAfter(
  root: WordAt,
  node: IntervalNode,
  prev: IntervalNode,
): void {
  let parent = prev;
  let slot = prev + RIGHT;
  // Ends at a free slot: each step goes one level down.
  for (let at = word(slot) as Link; at !== NULL; at = word(slot) as Link) {
    parent = at;
    slot = at + LEFT;
  }
  const last = intervalLast(prev);
  for (let at: Link = parent; at !== NULL && intervalMax(at) < last; at = intervalParent(at)) {
    setDouble(at + MAX, last);
  }
  fill(node, intervalFirst(prev), last);
  attach(root, node, { parent, slot });
}

keepShape({ parent: 0, slot: 0 });

function fill(node: IntervalNode, first: number, last: number): void {
  setDouble(node + FIRST, first);
  setDouble(node + LAST, last);
  setDouble(node + MAX, last);
  setWord(node + LEFT, NULL);
  setWord(node + RIGHT, NULL);
}

/** Hangs a leaf into a free slot, and lifts it above all whose rank is lower. */
function attach(
  root: WordAt,
  node: IntervalNode,
  { parent, slot }: { parent: Link; slot: WordAt },
): void {
  setWord(node + PARENT, parent);
  setWord(slot, node);
  const rank = intervalRank(node);
  for (let above = parent; above !== NULL; above = intervalParent(node)) {
    if (intervalRank(above) > rank) return;
    rotateUp(root, node, above);
  }
}

/**
 *       above            node
 *       /   \            /  \
 *    node    c    ->    a   above       or the mirror image
 *    /  \                   /  \
 *   a    b                 b    c
 */
function rotateUp(root: WordAt, node: IntervalNode, above: IntervalNode): void {
  const slot = slotOf(root, above);
  const isLeft = intervalLeft(above) === node;
  const inner = isLeft ? RIGHT : LEFT;
  const moved = word(node + inner) as Link;
  setWord(above + (isLeft ? LEFT : RIGHT), moved);
  if (moved !== NULL) setWord(moved + PARENT, above);
  setWord(node + PARENT, intervalParent(above));
  setWord(node + inner, above);
  setWord(above + PARENT, node);
  setWord(slot, node);
  setDouble(node + MAX, intervalMax(above));
  setDouble(above + MAX, maxOf(above));
}

/** Takes a node out of the tree it is in. */
export function intervalTreeRemove(root: WordAt, node: IntervalNode): void {
  const slot = slotOf(root, node);
  assert(word(slot) === node, 'a node is removed from the tree that it is in');
  const parent = intervalParent(node);
  join(node, { parent, slot });
  for (let at = parent; at !== NULL; at = intervalParent(at)) {
    const max = maxOf(at);
    if (max === intervalMax(at)) break;
    setDouble(at + MAX, max);
  }
  setWord(node + PARENT, node); // nobody's child: removing it again is refused
}

/** Puts what was below `node` into its slot: at each level the child of the higher rank. */
function join(node: IntervalNode, place: { parent: Link; slot: WordAt }): void {
  let { parent, slot } = place;
  let left = intervalLeft(node);
  let right = intervalRight(node);
  // Ends when one side is used up: each step goes one level down on the other.
  while (left !== NULL && right !== NULL) {
    const isLeftHigher = intervalRank(left) > intervalRank(right);
    const top = isLeftHigher ? left : right;
    setWord(slot, top);
    setWord(top + PARENT, parent);
    setDouble(top + MAX, Math.max(intervalMax(left), intervalMax(right)));
    parent = top;
    slot = top + (isLeftHigher ? RIGHT : LEFT);
    if (isLeftHigher) left = intervalRight(left);
    else right = intervalLeft(right);
  }
  const rest = left !== NULL ? left : right;
  setWord(slot, rest);
  if (rest !== NULL) setWord(rest + PARENT, parent);
}

/** @returns the first node, in order of `first`, that meets [first, last] pages. */
export function intervalTreeIterFirst(root: WordAt, first: number, last: number): Link {
  const top = word(root) as Link;
  if (top === NULL || intervalMax(top) < first) return NULL;
  return firstBelow(top, first, last);
}

/** @returns the next node after `node` that meets [first, last] pages. */
export function intervalTreeIterNext(node: IntervalNode, first: number, last: number): Link {
  const right = intervalRight(node);
  if (right !== NULL && intervalMax(right) >= first) return firstBelow(right, first, last);
  let at = node;
  // Ends at the root: each step goes one level up.
  for (let above = intervalParent(at); above !== NULL; above = intervalParent(at)) {
    const comesNext = intervalLeft(above) === at;
    at = above;
    if (!comesNext) continue;
    if (intervalFirst(at) > last) return NULL;
    if (intervalLast(at) >= first) return at;
    const later = intervalRight(at);
    if (later !== NULL && intervalMax(later) >= first) return firstBelow(later, first, last);
  }
  return NULL;
}

/**
 * The first below `top` that does not end before `first`; the caller knows that there is one. If
 * that begins behind `last`, all others do too.
 */
function firstBelow(top: IntervalNode, first: number, last: number): Link {
  let at: Link = top;
  // Ends: each step goes one level down.
  while (at !== NULL) {
    const left = intervalLeft(at);
    if (left !== NULL && intervalMax(left) >= first) {
      at = left;
      continue;
    }
    if (intervalLast(at) >= first) return intervalFirst(at) <= last ? at : NULL;
    at = intervalRight(at);
  }
  return NULL;
}

/** Whether the node can be reached from the root; its links must have been set once, or be 0. */
export function intervalTreeHas(root: WordAt, node: IntervalNode): boolean {
  let at = node;
  // Ends at the root, or where a parent does not know its child: each step goes one level up.
  for (let above = intervalParent(at); above !== NULL; above = intervalParent(at)) {
    if (intervalLeft(above) !== at && intervalRight(above) !== at) return false;
    at = above;
  }
  return word(root) === at;
}

/** The word that holds the link to `node`. */
function slotOf(root: WordAt, node: IntervalNode): WordAt {
  const parent = intervalParent(node);
  if (parent === NULL) return root;
  return intervalLeft(parent) === node ? parent + LEFT : parent + RIGHT;
}

/** `max`, from the node's own interval and its children. */
export function maxOf(node: IntervalNode): number {
  const left = intervalLeft(node);
  const right = intervalRight(node);
  let max = intervalLast(node);
  if (left !== NULL && intervalMax(left) > max) max = intervalMax(left);
  if (right !== NULL && intervalMax(right) > max) max = intervalMax(right);
  return max;
}

/** A hash of the node's place: no two nodes have the same, since each step can be undone. */
export function intervalRank(node: IntervalNode): number {
  let mixed = Math.imul(node ^ (node >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
