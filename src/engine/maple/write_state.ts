/**
 * What one store knows, from its plan to its end. Kept from store to store, one for
 * each CPU: a CPU is in one store at a time.
 *
 * The store replaces what lies at each level between a left and a right way down by
 * new nodes; levels above `top` keep their nodes.
 *
 *                      parent          <- one slot gets a new child: the publication
 *                        │
 *   top   ┌──────── head │ tail ──────┐    new: head + made below + tail
 *         left way ╱           ╲ right way
 *   leaf  ┌─── head │▒▒▒▒▒▒▒▒▒▒▒▒│ tail ───┐    new: head + the entry + tail
 */
import { assert } from '../arena/assert.ts';
import { cpuId, thisCpu } from '../arena/cpu.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { type Content, newContent } from './content_struct.ts';
import { LEVELS_MAX, type MapleEnode, type MapleNode, NO_NODE } from './node_struct.ts';
import { newPath, type Path } from './path.ts';
import type { MapleTree } from './tree.ts';

/** What is to be replaced at one level, and by how much. */
export interface Level {
  /** Kept: slots [0, head) of `left`, and [tail, ...) of `right`, often the same node. */
  left: MapleNode;
  head: number;
  right: MapleNode;
  tail: number;
  /** Where `left` begins and `right` ends. */
  leftMin: number;
  rightMax: number;
  /** Neighbours taken in whole, to share the content with. */
  leftExtra: MapleNode | Null;
  rightExtra: MapleNode | Null;
  /** The range of all of it, inclusive. */
  min: number;
  max: number;
  /** Items to hold, and in how many nodes; 0: the one child takes the place of its parent. */
  count: number;
  pieces: number;
}

/** A new node, as its parent will list it. */
export interface Made {
  enode: MapleEnode | Null;
  max: number;
  gap: number;
}

/**
 * nothing: the tree is as asked. plant: the tree is empty. clear: it will be.
 * exact: one slot gets another entry. leaf: one new leaf takes the place of one.
 * build: new nodes take the place of old ones.
 */
export type StoreKind = 'nothing' | 'plant' | 'clear' | 'exact' | 'leaf' | 'build';

export interface MaWrState {
  // Given by the caller; a store of NULL is widened over the gaps it touches.
  tree: MapleTree;
  index: number;
  last: number;
  entry: number;

  // Found by planStore().
  /** The cursor that the plan is for, as long as no other was made since; else null. */
  plannedFor: object | null;
  kind: StoreKind;
  /** New nodes needed. */
  nodes: number;
  readonly left: Path;
  /** Only its leaf is filled in while one leaf is all the store touches. */
  readonly right: Path;
  /** The slot of the old entry of which [..., index - 1] stays, or NULL. */
  leftEntry: number;
  keepsLeft: boolean;
  /** Depths of the leaves and of the highest level replaced. */
  leaf: number;
  top: number;
  readonly levels: readonly Level[];

  // Internal to buildStore(): the level in hand, and the new nodes of the one below.
  readonly content: Content;
  readonly made: readonly Made[];
  madeCount: number;
}

/** More pieces than a level can fall into. */
const PIECES_MAX = 3;

// Infinity makes a field a double in V8's eyes from the start.
const newLevel = (): Level => ({
  left: NO_NODE,
  head: 0,
  right: NO_NODE,
  tail: 0,
  leftMin: Infinity,
  rightMax: Infinity,
  leftExtra: NULL,
  rightExtra: NULL,
  min: Infinity,
  max: Infinity,
  count: 0,
  pieces: 0,
});

const newWrState = (tree: MapleTree): MaWrState => ({
  tree,
  index: Infinity,
  last: Infinity,
  entry: NULL,
  plannedFor: null,
  kind: 'nothing',
  nodes: 0,
  left: newPath(),
  right: newPath(),
  leftEntry: NULL,
  keepsLeft: false,
  leaf: 0,
  top: 0,
  levels: Array.from({ length: LEVELS_MAX }, newLevel),
  content: newContent(),
  made: Array.from({ length: PIECES_MAX }, () => ({ enode: NULL, max: Infinity, gap: 0 })),
  madeCount: 0,
});

const states: MaWrState[] = [];

/** This CPU's state, for a store into `tree`; the caller gives it the range and the entry. */
export function wrState(tree: MapleTree): MaWrState {
  const id = cpuId(thisCpu);
  const wr = (states[id] ??= newWrState(tree));
  wr.tree = tree;
  return wr;
}

export function levelAt(wr: MaWrState, depth: number): Level {
  const level = wr.levels[depth];
  assert(level !== undefined, 'a tree has at most LEVELS_MAX levels');
  return level;
}

export function madeAt(wr: MaWrState, piece: number): Made {
  const made = wr.made[piece];
  assert(made !== undefined, 'a level falls into three nodes at most');
  return made;
}
