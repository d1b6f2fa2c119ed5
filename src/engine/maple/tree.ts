/**
 * The range tree: from inclusive ranges [index, last] of 0 .. MT_MAX to words.
 *
 * A tree is one word, its root, and lies wherever its owner put it: 0 when the tree
 * is empty, else a pointer to its top node. Readers in an RCU section need no
 * lock; writers are serialised by the caller.
 *
 * Source: the behaviour of lib/maple_tree.c, v6.18; the algorithms are ours.
 */
import * as atomics from '#atomics';
import { PUBLISH_PLAINLY } from '#mutants';
import { setWord } from '../arena/memory.ts';
import { NULL, type Ref, type WordAt } from '../arena/ref.ts';
import { findFromRoot, loadFromRoot, type MapleEnode, rootEnode } from './node_struct.ts';
import type { Null } from '../arena/ref.ts';
import { leafDepth, retireTree } from './retire.ts';

/** The place of a tree's root word. */
export type MapleTree = Ref<'maple_tree'>;
export const MAPLE_TREE_WORDS = 1;

/** Makes the word at `tree` an empty tree; no one else can see it yet. */
export const mtInit = (tree: MapleTree): void => setWord(tree, NULL);

export const treeRoot = (tree: MapleTree): MapleEnode | Null => rootEnode(tree);

export const mtEmpty = (tree: MapleTree): boolean => treeRoot(tree) === NULL;

/** Levels of nodes; 0 when the tree is empty. */
export function mtHeight(tree: MapleTree): number {
  const root = treeRoot(tree);
  return root === NULL ? 0 : leafDepth(root) + 1;
}

/**
 * @returns the entry whose range holds `index`, or NULL. Under RCU alone it is what
 *   was there at some moment of the call.
 */
export const mtreeLoad = (tree: MapleTree, index: number): number => loadFromRoot(tree, index);

/**
 * @returns the first entry at or right of `index` that starts at or below `max`, or NULL.
 *   A cursor does the same where the walk goes on; this is for one answer, under the lock.
 */
export const mtFind = (tree: MapleTree, index: number, max: number): number =>
  findFromRoot(tree, index, max);

/** Empties the tree. Readers that are in it finish in what they see. */
export function mtDestroy(tree: MapleTree): void {
  const root = treeRoot(tree);
  if (root === NULL) return;
  publish(tree, tree, NULL);
  retireTree(root);
}

/**
 * The one store by which a change of `tree` becomes visible: a pointer or an entry,
 * in a slot or the root. Pairs with the plain loads of the readers.
 */
export function publish(_tree: MapleTree, at: WordAt, word: number): void {
  if (PUBLISH_PLAINLY) setWord(at, word);
  else atomics.store(at, word);
}
