/**
 * When a process was copied, among calls of other threads that overlap the fork. Its own answer
 * tells nothing; the maps recorded at the child's end do, as far as the child left them alone.
 */
import type { MachineImage } from '../../index.ts';
import { compareMaps } from './compare_maps.ts';
import type { MapsLine } from './maps_text.ts';
import type { ForkStep, Step } from './program.ts';

export interface ForkPlaces {
  /** Makes a step in the engine. */
  readonly run: (step: Step) => unknown;
  readonly save: () => MachineImage;
  readonly restore: (image: MachineImage) => void;
  readonly endMaps: (childTid: number) => readonly MapsLine[] | undefined;
}

/**
 * Puts each fork where the child's maps fit best, or where half of its time was over. The machine
 * is before the first step, and stays there.
 */
export function placeForks(
  steps: readonly Step[],
  forks: readonly ForkStep[],
  places: ForkPlaces,
): readonly Step[] {
  let order = steps;
  for (const fork of forks) {
    const [first, last] = windowOf(fork, order);
    const at = first === last ? first : bestPlace(fork, order, { first, last, places });
    order = [...order.slice(0, at), fork, ...order.slice(at)];
  }
  return order;
}

/** @returns the first and last number of steps that may come before it. */
function windowOf(fork: ForkStep, others: readonly Step[]): [number, number] {
  const isSure = (other: Step): boolean =>
    other.tid === fork.tid ? isEarlier(other, fork) : other.kind === 'touch' ? isEarlier(other, fork) : other.end < fork.begin;
  const isLater = (other: Step): boolean =>
    other.tid === fork.tid ? !isEarlier(other, fork) : other.kind !== 'touch' && other.begin > fork.end;
  const first = others.findLastIndex(isSure) + 1;
  const after = others.findIndex(isLater);
  return [first, Math.max(first, after < 0 ? others.length : after)];
}

function isEarlier(other: Step, fork: ForkStep): boolean {
  if (other.kind === 'touch') return (other.endTime ?? 0) < (fork.beginTime ?? 0);
  return other.begin < fork.begin;
}

interface Window {
  readonly first: number;
  readonly last: number;
  readonly places: ForkPlaces;
}

function bestPlace(fork: ForkStep, others: readonly Step[], { first, last, places }: Window): number {
  const maps = places.endMaps(fork.childTid);
  if (maps === undefined) return middle(fork, others, { first, last, places });
  const image = places.save();
  let best = last;
  let fewest = Infinity;
  for (let at = 0; at <= last; at++) {
    if (at >= first) {
      const { length } = compareMaps(maps, fork.program.process.maps());
      if (length < fewest) {
        fewest = length;
        best = at;
      }
    }
    const step = others[at];
    if (step !== undefined) places.run(step);
  }
  places.restore(image);
  return best;
}

/** The copy is made early in the call, but not at its beginning. */
function middle(fork: ForkStep, others: readonly Step[], { first, last }: Window): number {
  if (fork.beginTime === null || fork.endTime === null) return last;
  const time = (fork.beginTime + fork.endTime) / 2;
  const at = others.findIndex((other, i) => i >= first && (other.endTime ?? Infinity) > time);
  return at < 0 ? last : Math.min(at, last);
}
