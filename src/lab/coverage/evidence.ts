/** What stands behind the claims: the pack as it is, and the campaign whose result was kept. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { conform } from '../conform/conform.ts';
import type { FuzzDocument } from '../fuzz/document.ts';
import { Reach } from '../fuzz/reach.ts';
import { parseScenarios, type Scenario } from '../pack/scenarios.ts';
import type { Evidence } from './coverage.ts';
import type { Counts } from './features.ts';

/** What is kept of a campaign: the document without its findings, of which there are none. */
export type KeptCampaign = Pick<
  FuzzDocument,
  'version' | 'kernel' | 'plan' | 'summary' | 'reached'
>;

/** Reads what a checkout at `root` holds. */
export function readEvidence(root: string): Evidence {
  const campaign = JSON.parse(
    readFileSync(join(root, 'docs/reached.json'), 'utf8'),
  ) as KeptCampaign;
  const scenarios = packAt(join(root, 'conformance'));
  return {
    pack: reachedBy(scenarios),
    fuzz: campaign.reached,
    figures: figuresOf(campaign, scenarios.length),
    exists: (path) => existsSync(join(root, path)),
  };
}

function reachedBy(scenarios: readonly Scenario[]): Counts {
  const reached = new Map<string, number>();
  for (const { vector } of scenarios) {
    const one = new Reach();
    conform(vector, (seen) => one.see(seen));
    for (const [name, times] of one.features) reached.set(name, (reached.get(name) ?? 0) + times);
  }
  return Object.fromEntries(reached);
}

function figuresOf(campaign: KeptCampaign, scenarios: number): Evidence['figures'] {
  const { summary, plan, kernel, version } = campaign;
  const { runs = 0, calls = 0, disagreed = 0 } = summary;
  const profiles = plan.profiles.length;
  const numbers = { scenarios, runs, calls, disagreed, profiles, ops: plan.ops };
  const figures: Record<string, string> = { seed: String(plan.seed), kernel, version };
  for (const [name, n] of Object.entries(numbers)) figures[name] = n.toLocaleString('en-US');
  return figures;
}

function packAt(directory: string): Scenario[] {
  const files = readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
  return files.flatMap((name) => parseScenarios(readFileSync(join(directory, name), 'utf8')));
}
