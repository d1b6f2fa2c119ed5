/**
 * Handles: typed pointers into the shared memory.
 *
 * A handle is the word index of a structure's first word, a plain number at run
 * time: `===` is identity and nothing is allocated. Word 0 is never handed out,
 * so 0 in a slot means "none" and shows in the types as `Null`.
 */
declare const kind: unique symbol;
declare const held: unique symbol;
declare const unit: unique symbol;

export type Ref<Kind extends string> = number & { readonly [kind]: Kind };

/** Adds "this lock is held" to a handle's type; nothing exists at run time. */
export type Holding<Lock extends string> = { readonly [held]: { readonly [L in Lock]: true } };

/** What an empty pointer slot holds. */
export type Null = 0;
export const NULL: Null = 0;

/** The index of a word of the arena, for the atomic operations. */
export type WordAt = number;

/** A user virtual address in bytes. Exact: every 47-bit address is below 2^53. */
export type Addr = number & { readonly [unit]: 'address, bytes' };
