/** What `vmaspace fuzz` says to machines: one document a shard, or of all shards together. */
import { isModelledKernel } from '../oracle/kernel_version.ts';
import { kernelRelease } from '../oracle/live_kernel.ts';
import type { CampaignResult, Plan, Shard } from './campaign.ts';
import type { Finding } from './finding.ts';

export interface FuzzDocument {
  readonly schema: 'vmaspace-fuzz/1';
  /** Nothing disagreed, or only a kernel that is not the one modelled. */
  readonly ok: boolean;
  readonly summary: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  /** What a kernel other than 6.18 did otherwise: not held against the engine. */
  readonly otherKernel: readonly Finding[];
  /** Of vmaspace. Results of different versions are not of one campaign. */
  readonly version: string;
  readonly kernel: string;
  readonly plan: Plan;
  readonly shard: Shard;
  readonly complete: boolean;
  /** How often each feature was reached. */
  readonly reached: Readonly<Record<string, number>>;
}

/** What a result has to say of itself, beside what it found. */
export interface Origin {
  readonly version: string;
  readonly kernel: string;
}

export function fuzzDocument(
  result: CampaignResult,
  { version, kernel = kernelRelease() }: { version: string; kernel?: string },
): FuzzDocument {
  const { plan, shard, isComplete, findings, reached } = result;
  const isOurs = isModelledKernel(kernel);
  return {
    schema: 'vmaspace-fuzz/1',
    ok: findings.length === 0 || !isOurs,
    summary: summaryOf(result, isOurs),
    findings: isOurs ? findings : [],
    otherKernel: isOurs ? [] : findings,
    version,
    kernel,
    plan,
    shard,
    complete: isComplete,
    reached,
  };
}

function summaryOf(result: CampaignResult, isOurs: boolean): FuzzDocument['summary'] {
  const { runs, calls, records, findings, seconds, reached } = result;
  const disagreed = findings.filter(({ kind }) => kind !== 'lost');
  return {
    runs,
    calls,
    records,
    disagreed: isOurs ? disagreed.length : 0,
    otherKernel: isOurs ? 0 : disagreed.length,
    lost: findings.length - disagreed.length,
    features: Object.keys(reached).length,
    seconds,
  };
}
