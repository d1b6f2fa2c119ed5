/**
 * Objects of the same fields share one shape in V8, which says of each field whether
 * it holds small integers or doubles. A field that was made for the one and is given
 * the other changes the shape, and from then on every literal of it is made by a slow
 * path: an operation takes two to three times as long, for the rest of the run.
 *
 * So whoever describes an operation by an object shows its shape here when the module
 * is loaded: `Infinity` in each field that can hold an address, a count of pages or
 * flags, in the order of the literals that are made later.
 */
const shapes: object[] = [];

/** Keeps an example, since V8 forgets a shape without objects. */
export function keepShape(example: object): void {
  shapes.push(example);
}
