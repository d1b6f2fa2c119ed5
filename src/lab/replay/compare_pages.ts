/** Compares how much of each VMA is present with what the kernel's smaps says. */
import type { PageStats, VmaInfo } from '../../index.ts';
import type { MapsLine } from './maps_text.ts';

/** What the kernel and the engine say of one VMA that both have; bytes. */
export interface PageFigures {
  /** The kernel's line. */
  readonly line: MapsLine;
  readonly kernel: Present;
  readonly engine: Present & Pick<PageStats, 'unused'>;
  /** VM_* of the engine's VMA. */
  readonly flags: VmaInfo['flags'];
}

export interface Present {
  readonly rss: number;
  readonly anonymous: number;
}

export interface PageComparison {
  /** Of every VMA that is compared, in the order of addresses. */
  readonly figures: readonly PageFigures[];
  /** VMAs that both have, and of which the kernel's figures are known. */
  readonly compared: number;
  readonly rssAgreed: number;
  readonly anonymousAgreed: number;
  /** VMAs of which either figure differs, in the order of addresses. */
  readonly differences: readonly PageFigures[];
}

/** The engine's VMAs, each with what is present of it. */
export interface EnginePages {
  readonly vmas: readonly VmaInfo[];
  readonly stats: readonly PageStats[];
}

/** VMAs that only one side has are no business of this: compareMaps() tells them. */
export const comparePages = (kernel: readonly MapsLine[], engine: EnginePages): PageComparison =>
  comparisonOf(figuresOf(kernel, engine));

/**
 * smaps is read VMA by VMA, while other threads go on: each is compared as it was at the moment
 * that is nearest to the kernel's figures.
 */
export function nearest(before: PageComparison, now: PageComparison): PageComparison {
  if (before.differences.length === 0 && before.compared >= now.compared) return before;
  const figures = new Map(before.figures.map((one) => [one.line.start, one]));
  for (const one of now.figures) {
    const other = figures.get(one.line.start);
    if (other === undefined || distance(one) < distance(other)) figures.set(one.line.start, one);
  }
  return comparisonOf([...figures.values()].toSorted((a, b) => a.line.start - b.line.start));
}

function comparisonOf(figures: readonly PageFigures[]): PageComparison {
  return {
    figures,
    compared: figures.length,
    rssAgreed: figures.filter(isRssSame).length,
    anonymousAgreed: figures.filter(isAnonymousSame).length,
    differences: figures.filter((one) => distance(one) > 0),
  };
}

/** Bytes. */
const distance = ({ kernel, engine }: PageFigures): number =>
  Math.abs(kernel.rss - engine.rss) + Math.abs(kernel.anonymous - engine.anonymous);

function figuresOf(kernel: readonly MapsLine[], { vmas, stats }: EnginePages): PageFigures[] {
  const indexes = new Map(vmas.map(({ start }, i) => [start, i]));
  return kernel.flatMap((line) => {
    const i = indexes.get(line.start) ?? -1;
    const [vma, present] = [vmas[i], stats[i]];
    const { rss, anonymous } = line;
    if (vma === undefined || present === undefined || vma.end !== line.end) return [];
    if (rss === null || anonymous === null) return [];
    return [{ line, kernel: { rss, anonymous }, engine: present, flags: vma.flags }];
  });
}

const isRssSame = ({ kernel, engine }: PageFigures): boolean => kernel.rss === engine.rss;
const isAnonymousSame = ({ kernel, engine }: PageFigures): boolean =>
  kernel.anonymous === engine.anonymous;
