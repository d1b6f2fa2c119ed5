/** Sites: who asked for memory. */
import { Machine, Process } from '../../index.ts';

/** How many functions name a site, innermost first. */
const NAMED = 3;

/** The methods of the public face: what called them is no part of the engine. */
const FACE: ReadonlySet<string> = new Set(
  [Machine.prototype, Process.prototype].flatMap((prototype) => methodsOf(prototype)),
);

function methodsOf(prototype: object): string[] {
  const names: string[] = [];
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    names.push(...Object.getOwnPropertyNames(at));
  }
  return names;
}

/**
 * `maple_node: fillSpares < mtDup < dupMmap`: the kind of object, and the engine's functions that
 * asked for one.
 *
 * @param place  as Machine.witnessFailures() tells it.
 */
export function siteOf(cache: string, place: string): string {
  const names = place.split(' < ').map((each) => each.replace(/(?:\$\d+)?(?: \(.*\))?$/u, ''));
  const end = names.findIndex((name) => FACE.has(name) || name.startsWith('#'));
  const asked = names.slice(0, end === -1 ? NAMED : Math.min(end, NAMED));
  return `${cache}: ${asked.join(' < ')}`;
}
