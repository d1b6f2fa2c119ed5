/** Many programs one after another: what they reached, and where the engine did otherwise. */
import { setImmediate } from 'node:timers/promises';
import { ownUid } from '../oracle/kernel.ts';
import { type ProfileName, profileNamed } from '../oracle/profiles.ts';
import { programSource, type Step } from '../oracle/programs.ts';
import { Random } from '../oracle/random.ts';
import type { Title } from '../oracle/recorder.ts';
import { Corpus } from './corpus.ts';
import { type Finding, findingOf } from './finding.ts';
import { runTrial } from './trial.ts';
import { vary } from './vary.ts';

/** What a campaign is; two of the same plan are parts of one, if their shards differ. */
export interface Plan {
  /** Run number r has this seed plus r. */
  readonly seed: number;
  /** Of all shards together. */
  readonly runs: number;
  /** Operations a program, the loads at its end left out. */
  readonly ops: number;
  readonly profiles: readonly ProfileName[];
}

/** Part `index` of `of`, from 1: which runs are whose. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

export interface Tally {
  runs: number;
  calls: number;
  /** Records compared: calls, touches, sweeps. */
  records: number;
}

export interface CampaignResult extends Readonly<Tally> {
  readonly plan: Plan;
  readonly shard: Shard;
  /** False when it was stopped before its last run. */
  readonly isComplete: boolean;
  readonly findings: readonly Finding[];
  /** How often each feature was reached. */
  readonly reached: Readonly<Record<string, number>>;
  readonly seconds: number;
}

/** Who looks on. */
export interface Onlooker {
  /** Called behind each run; true ends the campaign there. */
  progress(tally: Tally & { profile: string; features: number; findings: number }): boolean;
  /** Called at once when something was found. */
  found(finding: Finding): void;
}

/** How often a program is one that reached something rare, varied. */
const VARIED = 0.5;

/** The runs of a shard: [first, behind the last). Neighbours, so each shard has all profiles. */
export function runsOf({ runs }: Plan, { index, of }: Shard): [number, number] {
  return [Math.floor((runs * (index - 1)) / of), Math.floor((runs * index) / of)];
}

/** @throws OracleError when the live kernel cannot be asked any more. */
export async function campaign(plan: Plan, shard: Shard, onlooker: Onlooker) {
  const began = performance.now();
  const [first, end] = runsOf(plan, shard);
  const tally: Tally = { runs: 0, calls: 0, records: 0 };
  const corpus = new Corpus();
  const findings: Finding[] = [];
  let isStopped = false;
  for (let run = first; run < end && !isStopped; run++) {
    const title = titleOf(plan, run);
    const trial = runTrial(title, programSource({ ...title, opening: opening(title, corpus) }));
    corpus.learn(trial.steps, trial.reached);
    tally.runs++;
    tally.calls += trial.calls;
    tally.records += trial.steps.length;
    if (trial.finding !== undefined) {
      const finding = findingOf(trial, trial.finding);
      findings.push(finding);
      onlooker.found(finding);
    }
    const { profile } = title;
    const state = { ...tally, profile, features: corpus.size, findings: findings.length };
    isStopped = onlooker.progress(state);
    await setImmediate(); // lets Node bury the processes of this run, and hear of signals
  }
  const seconds = (performance.now() - began) / 1000;
  const isComplete = tally.runs === end - first;
  const reached = corpus.counts();
  return { plan, shard, isComplete, findings, reached, seconds, ...tally } satisfies CampaignResult;
}

const NOBODY = 65534;

function titleOf({ seed, ops, profiles }: Plan, run: number): Title & { profile: ProfileName } {
  const profile = profiles[run % profiles.length] ?? 'core';
  const uid = profileNamed(profile).unprivileged && ownUid() === 0 ? NOBODY : ownUid();
  return { profile, seed: seed + run, ops, uid };
}

/** Half of the programs begin as another did. */
function opening({ seed }: Title, corpus: Corpus): Step[] {
  const random = new Random(seed, 'opening');
  if (!random.chance(VARIED)) return [];
  const steps = corpus.rare(random);
  return steps === undefined ? [] : vary(steps, random);
}
