/**
 * When a process was copied, among calls of other threads that overlap the fork. Its own answer
 * tells nothing; the maps recorded at the child's end do, as far as the child left them alone.
 */
import type { MachineImage } from '../../index.ts';
import { compareMaps } from './compare_maps.ts';
import type { Outcome } from './judge.ts';
import type { MapsLine } from './maps_text.ts';
import type { ForkStep, Step } from './program.ts';

export interface ForkPlaces {
  /** Makes a step in the engine. */
  readonly run: (step: Step) => Outcome | null;
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
    const maps = places.endMaps(fork.childTid);
    if (first !== last && maps !== undefined) order = improved(fork, order, { maps, places });
  }
  return order;
}

interface Evidence {
  readonly maps: readonly MapsLine[];
  readonly places: ForkPlaces;
}

/** Orders tried before the best so far is taken. */
const MOST_TRIES = 100;

/**
 * Moves the calls that overlap a fork to its other side, as long as the child's maps fit better.
 */
function improved(fork: ForkStep, given: readonly Step[], evidence: Evidence): readonly Step[] {
  let order = given;
  let fewest = misfit(fork, order, evidence);
  let tries = MOST_TRIES;
  const overlapping = order.filter((step) => step.kind === 'call' && isOverlapping(step, fork));
  for (let isBetter = true; isBetter && fewest > 0 && tries > 0;) {
    isBetter = false;
    for (const step of overlapping) {
      const moved = otherSide(order, step, fork);
      if (moved === null || --tries < 0) continue;
      const count = misfit(fork, moved, evidence);
      if (count >= fewest) continue;
      fewest = count;
      order = moved;
      isBetter = true;
    }
  }
  return order;
}

/** @returns how many lines differ at the fork; Infinity when an answer is not the recorded one. */
function misfit(fork: ForkStep, order: readonly Step[], { maps, places }: Evidence): number {
  const image = places.save();
  let count = Infinity;
  let isWhole = true;
  for (const step of order) {
    if (step === fork) count = compareMaps(maps, fork.program.process.maps()).length;
    else isWhole &&= places.run(step)?.agrees ?? true;
  }
  places.restore(image);
  return isWhole ? count : Infinity;
}

const isOverlapping = (step: Step, fork: ForkStep): boolean =>
  step.tid !== fork.tid && step.begin <= fork.end && fork.begin <= step.end;

/** @returns null when something between the two forbids it. */
function otherSide(order: readonly Step[], step: Step, fork: ForkStep): readonly Step[] | null {
  const [from, to] = [order.indexOf(step), order.indexOf(fork)];
  const between = order.slice(Math.min(from, to) + 1, Math.max(from, to));
  const isFree = between.every((other) =>
    from < to ? !mustFollow(other, step) : !mustFollow(step, other),
  );
  if (!isFree) return null;
  const rest = order.filter((other) => other !== step);
  const at = rest.indexOf(fork) + (from < to ? 1 : 0);
  return [...rest.slice(0, at), step, ...rest.slice(at)];
}

/** Whether `a` comes after `b` for certain. */
function mustFollow(a: Step, b: Step): boolean {
  if (a.tid === b.tid) return true;
  return a.kind !== 'touch' && b.kind !== 'touch' && a.begin > b.end;
}

/** @returns the first and last number of steps that may come before it. */
function windowOf(fork: ForkStep, others: readonly Step[]): [number, number] {
  const isSure = (other: Step): boolean =>
    other.tid === fork.tid
      ? isEarlier(other, fork)
      : other.kind === 'touch'
        ? isEarlier(other, fork)
        : other.end < fork.begin;
  const isLater = (other: Step): boolean =>
    other.tid === fork.tid
      ? !isEarlier(other, fork)
      : other.kind !== 'touch' && other.begin > fork.end;
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

function bestPlace(
  fork: ForkStep,
  others: readonly Step[],
  { first, last, places }: Window,
): number {
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
