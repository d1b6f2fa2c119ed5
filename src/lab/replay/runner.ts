/** Runs the steps of address spaces: in the order of the log, or in the one their answers imply. */
import type { Machine } from '../../index.ts';
import { disagreement } from './disagreement.ts';
import type { Findings } from './findings.ts';
import type { Judge, Outcome } from './judge.ts';
import type { Notes } from './notes.ts';
import { canOrderMatter, type Ordered, OrderSearch } from './order.ts';
import type { CallStep, ForkStep, Space, Step } from './program.ts';
import type { Toucher } from './toucher.ts';
import { UNMODELLED } from './run_call.ts';

/** Calls that wait for one that does not come back; then they go on without it. */
const LONGEST_WINDOW = 200;

/** What every part of a replay works on. */
export interface Bench {
  readonly machine: Machine;
  readonly judge: Judge;
  readonly notes: Notes;
  readonly findings: Findings;
  /** Guesses touches when the recording has no page faults. */
  readonly toucher: Toucher;
  /** Called when a fork has been made. */
  readonly forked: (step: ForkStep) => void;
  /** Called when an address space may have changed. */
  readonly changed: (space: Space) => void;
}

export class Runner {
  readonly #bench: Bench;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  /** Runs a step now, or when the calls it overlaps have come back. */
  deliver(space: Space, step: Step): void {
    if (space.open === 0 && space.window.length === 0) {
      this.#account(step, this.#execute(step));
      return;
    }
    space.window.push(step);
    if (space.open === 0 || space.window.length >= LONGEST_WINDOW) this.close(space);
  }

  /** Runs all that waits. */
  close(space: Space): void {
    const steps = space.window.splice(0);
    if (steps.length === 0) return;
    const ordered = canOrderMatter(steps) ? this.#order(steps) : null;
    if (ordered === null) {
      for (const step of steps) this.#account(step, this.#execute(step));
      return;
    }
    for (const [i, step] of ordered.steps.entries()) this.#account(step, ordered.outcomes[i] ?? null);
    if (ordered.steps.some((step, i) => step !== steps[i])) this.#bench.notes.add('reordered');
  }

  /** @returns null when no order explains the answers; the machine is as it was. */
  #order(steps: readonly Step[]): Ordered | null {
    const { machine, notes } = this.#bench;
    const image = machine.save();
    const search = new OrderSearch(machine, steps, (step) => this.#execute(step));
    const ordered = search.find();
    if (ordered !== null) return ordered;
    machine.restore(image);
    notes.add('unordered');
    return null;
  }

  /** Makes a step in the engine, and nothing else: a search may take it back. */
  #execute(step: Step): Outcome | null {
    if (step.kind === 'call') {
      const outcome = this.#bench.judge.execute(step);
      this.#bench.toucher.after(step, outcome);
      return outcome;
    }
    if (step.kind === 'touch') {
      step.program.process.touch(step.addr, step.access);
      return null;
    }
    const { process } = step.program;
    const child = step.sharesMm ? process.cloneVm() : process.fork();
    step.child = typeof child === 'number' ? null : child;
    return null;
  }

  /** Counts what a step has come to, once it is certain that it stays. */
  #account(step: Step, outcome: Outcome | null): void {
    if (step.kind === 'fork') this.#accountFork(step);
    else if (outcome !== null && step.kind === 'call') this.#accountCall(step, outcome);
    if (step.program.isEnding) this.#bench.changed(step.program.space);
  }

  #accountFork(step: ForkStep): void {
    if (step.child === null) {
      const { record, tid, program } = step;
      const parts = { pid: program.pid, tid, line: record.line, call: record.name };
      this.#bench.findings.add('result', 'The kernel made the process, the engine had no memory.', parts);
    }
    this.#bench.forked(step);
  }

  #accountCall(step: CallStep, outcome: Outcome): void {
    const { program } = step;
    program.calls++;
    program.peak = Math.max(program.peak, outcome.mapCount);
    program.space.peak = Math.max(program.space.peak, outcome.mapCount);
    if (outcome.agrees) {
      program.agreed++;
    } else if (outcome.answer === UNMODELLED) {
      program.skipped++;
      this.#skip(step);
    } else {
      program.disagreed++;
      if (this.#bench.findings.wants('result')) disagreement(this.#bench.findings, step, outcome);
      else this.#bench.findings.add('result', '');
      this.#bench.judge.followKernel(step, outcome.answer);
    }
  }

  #skip({ program, record, tid }: CallStep): void {
    const parts = { pid: program.pid, tid, line: record.line, call: callText(record) };
    const message = `The engine does not model ${record.name}(): its effect is missing from here on.`;
    this.#bench.findings.add('unmodelled', message, parts);
  }
}

export const callText = ({ name, args }: { name: string; args: readonly string[] }): string =>
  `${name}(${args.join(', ')})`;
