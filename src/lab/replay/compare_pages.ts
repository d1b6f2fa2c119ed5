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
export function comparePages(kernel: readonly MapsLine[], engine: EnginePages): PageComparison {
  const figures = figuresOf(kernel, engine);
  const differences = figures.filter((one) => !isRssSame(one) || !isAnonymousSame(one));
  return {
    compared: figures.length,
    rssAgreed: figures.filter(isRssSame).length,
    anonymousAgreed: figures.filter(isAnonymousSame).length,
    differences,
  };
}

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
