import { release } from 'node:os';
import { whyNoKernel } from './kernel.ts';

/**
 * Why tests against the live kernel are skipped here, or undefined where they run: they expect
 * what Linux 6.18 does.
 */
export function whyNotLive(): string | undefined {
  const reason = whyNoKernel();
  if (reason !== undefined) return reason;
  return release().startsWith('6.18.') ? undefined : `this is Linux ${release()}, not 6.18.`;
}
