/** The public face of the checker: `vmaspace/check`. */
export { Atomics } from './atomics.ts';
export { type Counterexample, replay, type Replayed } from './counterexample.ts';
export { alloc, check, choice, loadPublished, spinWhile, violate } from './demands.ts';
export { explore, type ExploreOptions, NotProved, prove } from './explore.ts';
export type { Failure, FailureKind } from './failure.ts';
export type { PerThread } from './per_thread.ts';
export { shared } from './plain_view.ts';
export {
  coverageText,
  mergeReports,
  type Report,
  reportDocument,
  reportText,
  type Strategy,
} from './report.ts';
export type { Operation, Results, Scenario, ThreadBody } from './scenario.ts';
export type { TraceStep } from './trace.ts';
