/** A recorded program once more: by the kernel now, and by the engine. */
import type { ConformFinding } from '../conform/conform.ts';
import { parseVector } from '../conform/vector.ts';
import { isModelledKernel } from '../oracle/kernel_version.ts';
import { kernelRelease } from '../oracle/live_kernel.ts';
import { parseScript, safeSource } from '../oracle/script.ts';
import { runTrial } from './trial.ts';

export interface Again {
  /** Operations run; those left out would have harmed what the recording lives on. */
  readonly operations: number;
  readonly leftOut: number;
  /** True when the kernel did word for word what the file says. */
  readonly isAsRecorded: boolean;
  readonly finding: ConformFinding | undefined;
  /** False on a kernel that is not the one modelled: what differs is that kernel's. */
  readonly isOurKernel: boolean;
}

/** @throws VectorError for what is no vector. */
export function runAgain(text: string): Again {
  parseVector(text);
  const { title, steps } = parseScript(text);
  const { lines, finding, steps: done } = runTrial(title, safeSource({ steps }));
  const recorded = text.split('\n').filter((line) => line !== '');
  return {
    operations: done.length,
    leftOut: steps.length - done.length,
    isAsRecorded: lines.slice(2).join('\n') === recorded.slice(2).join('\n'),
    finding,
    isOurKernel: isModelledKernel(kernelRelease()),
  };
}
