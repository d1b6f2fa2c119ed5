import { release } from 'node:os';
import { whyNoKernel } from './kernel.ts';
import { isModelledKernel } from './kernel_version.ts';

/** Of the kernel that runs: "6.18.44". */
export const kernelRelease = (): string => release().split('-')[0] ?? '';

/**
 * Why tests against the live kernel are skipped here, or undefined where they run: they expect
 * what Linux 6.18 does.
 */
export function whyNotLive(): string | undefined {
  const reason = whyNoKernel();
  if (reason !== undefined) return reason;
  return isModelledKernel(release()) ? undefined : `this is Linux ${release()}, not 6.18.`;
}
