// What a call must give.
import { errnoName } from '../../../dist/index.js';

/** MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED */
export const ANON = 0x32;
/** MAP_SHARED | MAP_FIXED, and MAP_PRIVATE | MAP_FIXED */
export const [SHARED, PRIVATE] = [0x11, 0x12];

const text = (result) => (result < 0 ? errnoName(result) : result.toString(16));

export function expected(call, result, wanted) {
  if (result === wanted) return;
  throw new Error(`${call} gave ${text(result)}, and not ${text(wanted)}`);
}
