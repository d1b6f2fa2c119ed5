/** The resource limits of processes, by the names of the format. */
import { type Process, RLIMIT_NPROC } from '../../index.ts';
import { resourceOf } from '../oracle/limits.ts';
import type { VectorHeader } from './vector.ts';

const EINVAL = -22;

/** Gives the first process the limits of the header; where it has none, those of a new one stay. */
export function giveLimits(process: Process, { limits = {} }: VectorHeader): void {
  for (const [name, [soft, hard]] of Object.entries(limits)) {
    const resource = resourceOf(name);
    if (resource === undefined) continue; // a limit of another kind says nothing about memory
    process.setRlimit(Number(resource), { soft: bytesOf(soft), hard: bytesOf(hard) });
  }
}

/** As prlimit(2) with the hard limit as it is; all ones is no limit. */
export function setSoftLimit(process: Process, resource: number, word: bigint): number {
  const now = process.rlimit(resource);
  if (typeof now === 'number') return EINVAL;
  const soft = bytesOf(Number(BigInt.asIntN(64, word)));
  return process.setRlimit(resource, { soft, hard: now.hard });
}

/**
 * What RLIMIT_NPROC makes of a fork by a user who is not root, and has at least `processes`; how
 * many more there are on the recording machine, nobody can tell here.
 */
export function forkLimit(process: Process, processes: number): 'refused' | 'either' | 'free' {
  const limit = process.rlimit(RLIMIT_NPROC);
  const soft = typeof limit === 'number' ? Infinity : limit.soft;
  if (soft === Infinity) return 'free';
  return processes + 1 > soft ? 'refused' : 'either';
}

const bytesOf = (limit: number): number => (limit === -1 ? Infinity : limit);
