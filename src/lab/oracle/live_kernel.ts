import { release } from 'node:os';
import { whyNoKernel } from './kernel.ts';

/** Of the kernel that runs: "6.18.44". */
export const kernelRelease = (): string => release().split('-')[0] ?? '';

/** True for the version that the engine models. */
export const isModelledKernel = (version: string): boolean => /^6\.18(?:\.|$)/u.test(version);

/**
 * Why tests against the live kernel are skipped here, or undefined where they run: they expect
 * what Linux 6.18 does.
 */
export function whyNotLive(): string | undefined {
  const reason = whyNoKernel();
  if (reason !== undefined) return reason;
  return isModelledKernel(release()) ? undefined : `this is Linux ${release()}, not 6.18.`;
}
