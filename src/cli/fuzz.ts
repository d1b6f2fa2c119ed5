/** `vmaspace fuzz`: random programs, each run by the live kernel and by the engine. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import {
  campaign,
  type Onlooker,
  type Plan,
  type Progress,
  runsOf,
  type Shard,
} from '../lab/fuzz/campaign.ts';
import { fuzzDocument } from '../lab/fuzz/document.ts';
import type { Finding } from '../lab/fuzz/finding.ts';
import { findingText } from '../lab/fuzz/report.ts';
import { isProfileName, PROFILE_NAMES, type ProfileName } from '../lab/oracle/profiles.ts';
import { checkKernel } from './live_kernel.ts';
import { EXIT_CODES, UsageError, wholeNumber } from './exit.ts';
import { againCommand } from './fuzz_again.ts';
import { mergeCommand } from './fuzz_merge.ts';
import { makeDirectory, type OutputOptions, putOut } from './fuzz_output.ts';
import { paint } from './paint.ts';
import { callsPerSecond, ProgressLine } from './progress.ts';
import { VERSION } from './version.ts';

interface Options extends OutputOptions {
  readonly seed?: number;
  readonly runs: number;
  readonly ops: number;
  readonly profile?: readonly ProfileName[];
  readonly shard: Shard;
}

const EXAMPLES = `
Examples:
  vmaspace fuzz                                  ten programs of each profile
  vmaspace fuzz --profile fork --runs 1000       of one kind
  vmaspace fuzz --seed 7 --runs 40 --ops 100     the same programs each time
  vmaspace fuzz --runs 9000 --shard 2/3 -o two   a part of a campaign, elsewhere
  vmaspace fuzz merge one two three              the parts together
  vmaspace fuzz again finding.jsonl              a disagreement once more

Profiles: ${PROFILE_NAMES.join(', ')}.
`;

/** Where disagreements go when nobody says. */
const FINDINGS = 'vmaspace-fuzz';

export function fuzzCommand(): Command {
  return new Command('fuzz')
    .description('runs random programs beside the live kernel, compares after every call')
    .option('--seed <n>', 'of the first program; the others follow', wholeNumber('--seed'))
    .option('--runs <n>', 'how many programs', wholeNumber('--runs'), 10 * PROFILE_NAMES.length)
    .option('--ops <n>', 'operations in each', wholeNumber('--ops'), 60)
    .option('--profile <name,...>', 'only programs of these profiles', profiles)
    .option('--shard <i/n>', 'only part i of n of the runs', shard, { index: 1, of: 1 })
    .option('-o, --out <dir>', `where the result and disagreements go (else: ${FINDINGS})`)
    .option('--table', 'tell everything that was reached')
    .option('--json', 'print one JSON document')
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES}`)
    .action(run)
    .addCommand(mergeCommand())
    .addCommand(againCommand());
}

async function run(options: Options): Promise<void> {
  checkKernel();
  const plan = planOf(options);
  if (options.out !== undefined) makeDirectory(options.out);
  const desk = new Desk(options, plan);
  const result = await campaign(plan, options.shard, desk);
  desk.close();
  putOut(fuzzDocument(result, { version: VERSION }), options);
}

function planOf({ seed, runs, ops, profile, shard: part }: Options): Plan {
  const plan = {
    seed: seed ?? Math.floor(Math.random() * 2 ** 31),
    runs,
    ops,
    profiles: profile ?? PROFILE_NAMES,
  };
  const [first, end] = runsOf(plan, part);
  if (first === end) throw new UsageError('There is nothing to run: more shards than runs.');
  return plan;
}

/** Who sees a campaign run: tells how far it is, keeps what it finds, and hears of Ctrl-C. */
class Desk implements Onlooker {
  readonly #options: Options;
  readonly #plan: Plan;
  readonly #line = new ProgressLine();
  readonly #began = performance.now();
  #isInterrupted = false;
  readonly #interrupt = (): void => {
    this.#isInterrupted = true;
  };

  constructor(options: Options, plan: Plan) {
    this.#options = options;
    this.#plan = plan;
    process.once('SIGINT', this.#interrupt).once('SIGTERM', this.#interrupt);
    const { index, of } = options.shard;
    const part = of === 1 ? '' : ` --shard ${index}/${of}`;
    process.stderr.write(`seed ${plan.seed}: vmaspace fuzz ${planText(options, plan)}${part}\n`);
  }

  progress({ runs, calls, profile, features, findings }: Progress): boolean {
    this.#line.show(() => {
      const [first, end] = runsOf(this.#plan, this.#options.shard);
      const done = `${runs} of ${end - first} programs (${profile})`;
      const rate = callsPerSecond(calls, this.#began);
      return `${done}, ${features()} features, ${findings} disagree, ${rate}`;
    });
    return this.#isInterrupted;
  }

  found(finding: Finding): void {
    const directory = this.#options.out ?? FINDINGS;
    makeDirectory(directory);
    const path = join(directory, finding.file);
    writeFileSync(path, `${finding.lines.join('\n')}\n`);
    this.#line.clear();
    process.stderr.write(findingText(finding, path, paint));
  }

  close(): void {
    this.#line.clear();
    process.off('SIGINT', this.#interrupt).off('SIGTERM', this.#interrupt);
  }
}

function planText({ profile }: Options, { seed, runs, ops }: Plan): string {
  const only = profile === undefined ? '' : ` --profile ${profile.join(',')}`;
  return `--seed ${seed} --runs ${runs} --ops ${ops}${only}`;
}

function profiles(text: string): readonly ProfileName[] {
  return text.split(',').map((name) => {
    if (isProfileName(name)) return name;
    throw new UsageError(`--profile is of ${PROFILE_NAMES.join(', ')}, not "${name}".`);
  });
}

function shard(text: string): Shard {
  const [, index = 0, of = 0] = (/^(\d{1,6})\/(\d{1,6})$/u.exec(text) ?? []).map(Number);
  if (index >= 1 && index <= of) return { index, of };
  throw new UsageError(`--shard takes i/n with i from 1 to n, not "${text}".`);
}
