/** The sweep: every allocation of every call of a corpus fails, and every outcome is known. */
import type { Protocol } from '../../index.ts';
import type { OutcomeName } from './outcome.ts';
import { Stage } from './stage.ts';
import { perform, type Step, type StepName, stepText } from './step.ts';
import { type Attempt, type Mode, tryAll } from './trial.ts';

/** Something to sweep over. */
export interface Program {
  readonly name: string;
  /** What repeats it. */
  readonly command: string;
  readonly protocol: Partial<Protocol>;
  /** Made once, with all the memory it wants. */
  readonly before: readonly Step[];
  /** Each is swept, and then made. */
  readonly calls: readonly Step[];
}

/** What became of calls when memory that one site asked for was refused. */
export interface SiteRow {
  readonly site: string;
  /** How often, and in which calls. */
  readonly outcomes: Map<OutcomeName, SiteCell>;
}

interface SiteCell {
  count: number;
  readonly calls: Set<StepName>;
}

/** An outcome that is none: a bug. */
export interface Finding {
  readonly program: string;
  readonly call: string;
  readonly mode: Mode;
  readonly nth: number;
  readonly site: string;
  readonly why: string;
  readonly command: string;
}

export interface SweepResult {
  programs: number;
  /** Calls that were swept, and those of them that allocated nothing. */
  calls: number;
  callsWithout: number;
  readonly attempts: Record<Mode, number>;
  readonly sites: Map<string, SiteRow>;
  readonly findings: Finding[];
}

/** Called before each program. */
export type SweepProgress = (program: Program, result: SweepResult) => void;

/** Sweeps over programs. */
export function sweep(
  programs: Iterable<Program>,
  progress: SweepProgress = () => undefined,
): SweepResult {
  const result: SweepResult = {
    programs: 0,
    calls: 0,
    callsWithout: 0,
    attempts: { once: 0, 'for ever': 0, 'then again': 0, 'fork step': 0 },
    sites: new Map(),
    findings: [],
  };
  for (const program of programs) {
    progress(program, result);
    sweepOne(program, result);
    result.programs++;
  }
  return result;
}

function sweepOne(program: Program, result: SweepResult): void {
  const stage = new Stage(program.protocol);
  for (const step of program.before) perform(stage, step);
  for (const step of program.calls) {
    const attempts = tryAll(stage, step);
    result.calls++;
    if (attempts.length === 0) result.callsWithout++;
    for (const attempt of attempts) note(result, attempt, { program, step });
    perform(stage, step);
  }
  stage.leave();
}

function note(
  result: SweepResult,
  attempt: Attempt,
  { program, step }: { readonly program: Program; readonly step: Step },
): void {
  const { mode, nth, site, outcome } = attempt;
  result.attempts[mode]++;
  // A second attempt, with memory, says nothing of the site, unless it fails.
  if (mode === 'then again' && outcome.name !== 'unknown') return;
  const row: SiteRow = result.sites.get(site) ?? { site, outcomes: new Map() };
  result.sites.set(site, row);
  const cell: SiteCell = row.outcomes.get(outcome.name) ?? { count: 0, calls: new Set() };
  row.outcomes.set(outcome.name, cell);
  cell.count++;
  cell.calls.add(step.name);
  if (outcome.name !== 'unknown') return;
  const { name, command } = program;
  const call = stepText(step);
  result.findings.push({ program: name, call, mode, nth, site, why: outcome.why, command });
}
