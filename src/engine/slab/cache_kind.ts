/**
 * What a cache is of. All caches are objects of one shape: an allocation asks for fields of any of
 * them, which V8 answers at once only as long as they are few shapes.
 */
import { H_BRK, H_WORDS } from '../arena/layout.ts';
import type { WordAt } from '../arena/ref.ts';
import type { Shadowed, Spans } from '../arena/shadow_layout.ts';

/** Words of the header that bound an area of memory. */
interface Area {
  readonly brk: WordAt;
  readonly end: WordAt;
}

/** A cache is known to every worker by these constants; its state is in the arena. */
export interface Cache<Kind extends string> extends Shadowed {
  readonly name: Kind;
  /** Its place in the arena; unique among the caches of the engine. */
  readonly id: number;
  /** Size of an object. */
  readonly words: number;
  /** The word of a free object that links it: one that late readers do not use. */
  readonly link: number;
  /** Where its objects come from. */
  readonly area: Area;
}

const HEAP: Area = { brk: H_BRK, end: H_WORDS };
const NONE: Spans = [];

type Required = 'name' | 'id' | 'words' | 'link';

/** Describes a cache. Its objects come from the heap, and a checked build fills those that are free. */
export const cacheKind = <Kind extends string>(
  spec: Pick<Cache<Kind>, Required> & Partial<Cache<Kind>>,
): Cache<Kind> => ({
  name: spec.name,
  id: spec.id,
  words: spec.words,
  link: spec.link,
  area: spec.area ?? HEAP,
  filling: spec.filling ?? null,
  inherits: spec.inherits ?? NONE,
  typeStable: spec.typeStable ?? NONE,
});
