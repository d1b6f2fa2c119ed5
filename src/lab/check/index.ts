/** The public face of the checker: `vmaspace/check`. */
export { Atomics } from './atomics.ts';
export { alloc, check, choice, loadPublished, spinWhile, violate } from './demands.ts';
export { explore } from './explore.ts';
export { shared } from './plain_view.ts';
export type { Operation, Results, Scenario, ThreadBody } from './scenario.ts';
