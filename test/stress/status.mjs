// The words that the workers and who watches them share.

/** Whether the round is over. */
export const OVER = 0;
/** How many operations a worker has ended. */
export const endedAt = (me) => 1 + 2 * me;
/** Which it is at, from 1 on; 0: none. */
export const doingAt = (me) => 2 + 2 * me;

export const statusOf = (workers) => new Int32Array(new SharedArrayBuffer(4 * (1 + 2 * workers)));
