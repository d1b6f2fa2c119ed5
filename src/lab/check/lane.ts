/**
 * Lanes: the bytes of a 32-bit word that an access of one or two bytes touches.
 *
 *   lane    0           1 2 3 4       5 6
 *   bytes   the word    one: 0 to 3   two: 0-1, 2-3
 */
const FIRST_HALF = 5;

/** The lane of `bytes` bytes at a byte offset. */
export function laneOf(bytes: number, offset: number): number {
  const within = offset & 3;
  if (bytes === 1) return 1 + within;
  return bytes === 2 ? FIRST_HALF + (within >> 1) : 0;
}

/** By how many bits the lane is above the word's lowest. */
export const laneShift = (lane: number): number =>
  lane >= FIRST_HALF ? (lane - FIRST_HALF) * 16 : (lane - 1) * 8;

/** The lane's bits, moved to the lowest. */
export const laneMask = (lane: number): number => (lane >= FIRST_HALF ? 0xffff : 0xff);

/** A bit for each of the word's bytes that the lane has. */
export function laneBytes(lane: number): number {
  if (lane === 0) return 15;
  return lane >= FIRST_HALF ? 3 << ((lane - FIRST_HALF) * 2) : 1 << (lane - 1);
}
