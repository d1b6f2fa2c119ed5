/** Many programs one after another: what they reached, and where the engine did otherwise. */
import { setImmediate } from 'node:timers/promises';
import { ownUid } from '../oracle/kernel.ts';
import { type ProfileName, profileNamed } from '../oracle/profiles.ts';
import { programSource, type Step } from '../oracle/programs.ts';
import { Random } from '../oracle/random.ts';
import { LostRecording, type Title } from '../oracle/recorder.ts';
import { Corpora } from './corpus.ts';
import { type Finding, findingOf, lostFinding } from './finding.ts';
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

/** How far a campaign has come. */
export interface Progress extends Readonly<Tally> {
  readonly profile: string;
  readonly findings: number;
  /** Counted only when somebody wants to know. */
  readonly features: () => number;
}

/** Who looks on. */
export interface Onlooker {
  /** Called behind each run; true ends the campaign there. */
  progress(state: Progress): boolean;
  /** Called at once when something was found. */
  found(finding: Finding): void;
}

/** How often a program is one that reached something rare, varied. */
const VARIED = 0.5;

/** The runs of a shard: [first, behind the last). Neighbours, so each shard has all profiles. */
export function runsOf({ runs }: Plan, { index, of }: Shard): [number, number] {
  return [Math.floor((runs * (index - 1)) / of), Math.floor((runs * index) / of)];
}

/** @throws Error when there is no process of the live kernel to be had. */
export async function campaign(plan: Plan, shard: Shard, onlooker: Onlooker) {
  const began = performance.now();
  const [first, end] = runsOf(plan, shard);
  const tally: Tally = { runs: 0, calls: 0, records: 0 };
  const corpora = new Corpora();
  const findings: Finding[] = [];
  let isStopped = false;
  for (let run = first; run < end && !isStopped; run++) {
    const title = titleOf(plan, run);
    const finding = runOne(title, corpora, tally);
    if (finding !== undefined) {
      findings.push(finding);
      onlooker.found(finding);
    }
    const { profile } = title;
    const features = (): number => Object.keys(corpora.counts()).length;
    isStopped = onlooker.progress({ ...tally, profile, features, findings: findings.length });
    await setImmediate(); // lets Node bury the processes of this run, and hear of signals
  }
  const seconds = (performance.now() - began) / 1000;
  const isComplete = tally.runs === end - first;
  const reached = corpora.counts();
  return { plan, shard, isComplete, findings, reached, seconds, ...tally } satisfies CampaignResult;
}

/** @returns what it found, made small. */
function runOne(title: Titled, corpora: Corpora, tally: Tally): Finding | undefined {
  tally.runs++;
  try {
    const trial = runTrial(title, programSource({ ...title, opening: opening(title, corpora) }));
    corpora.of(title.uid).learn(trial.steps, trial.reached);
    tally.calls += trial.calls;
    tally.records += trial.steps.length;
    return trial.finding === undefined ? undefined : findingOf(trial, trial.finding);
  } catch (error) {
    if (error instanceof LostRecording) return lostFinding(title, error);
    throw error;
  }
}

type Titled = Title & { readonly profile: ProfileName };

const NOBODY = 65534;

function titleOf({ seed, ops, profiles }: Plan, run: number): Titled {
  const profile = profiles[run % profiles.length] ?? 'core';
  const uid = profileNamed(profile).unprivileged && ownUid() === 0 ? NOBODY : ownUid();
  return { profile, seed: seed + run, ops, uid };
}

/** Half of the programs begin as another did. */
function opening({ seed, uid }: Title, corpora: Corpora): Step[] {
  const random = new Random(seed, 'opening');
  if (!random.chance(VARIED)) return [];
  const steps = corpora.of(uid).rare(random);
  return steps === undefined ? [] : vary(steps, random);
}
