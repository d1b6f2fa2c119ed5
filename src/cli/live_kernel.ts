import { whyNoKernel } from '../lab/oracle/kernel.ts';
import { CannotError } from './exit.ts';

/** @throws CannotError where there is no live kernel to compare with. */
export function checkKernel(): void {
  const reason = whyNoKernel();
  if (reason !== undefined) throw new CannotError(`there is no live kernel to ask: ${reason}`);
}
