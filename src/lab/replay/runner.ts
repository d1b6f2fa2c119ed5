/**
 * Runs the steps of address spaces once their programs can start: in the order of the log, or in
 * the one their answers imply.
 */
import { type Machine, WALL, WNOHANG } from '../../index.ts';
import type { Births } from './births.ts';
import { answerText, disagreement } from './disagreement.ts';
import type { Findings } from './findings.ts';
import type { Judge, Outcome } from './judge.ts';
import type { Notes } from './notes.ts';
import { type ForkPlaces, placeForks } from './fork_place.ts';
import type { MapsLine } from './maps_text.ts';
import { canOrderMatter, type Ordered, OrderSearch } from './order.ts';
import type { CallStep, ForkStep, Program, Space, Step } from './program.ts';
import type { Toucher } from './toucher.ts';
import { UNMODELLED } from './run_call.ts';

/** Calls that wait for one that does not come back; then they go on without it. */
const LONGEST_WINDOW = 2000;

/** What steps are run with. */
export interface Bench {
  readonly machine: Machine;
  readonly judge: Judge;
  readonly notes: Notes;
  readonly findings: Findings;
  /** Starts the programs of the steps. */
  readonly births: Births;
  /** Guesses touches when the recording has no page faults. */
  readonly toucher: Toucher;
  /** The maps recorded at the end of a process. */
  readonly endMaps: (pid: number) => readonly MapsLine[] | undefined;
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

  /** Runs a step now, or when enough is known to start its program. */
  deliver(step: Step): void {
    const { space } = step.program;
    if (space.birth === null) return this.#run(space, step);
    space.birth.steps.push(step);
    if (this.#bench.births.isReady(space.birth.steps)) this.start(step.program);
  }

  /** Starts a program that has been waiting for it. */
  start(program: Program): void {
    for (const step of this.#bench.births.start(program)) this.#run(program.space, step);
  }

  /** Runs all that waits in a program's address space. */
  settle(program: Program): void {
    this.start(program);
    this.close(program.space);
  }

  /** Runs all that waits in the window of an address space. */
  close(space: Space): void {
    const waiting = space.window.splice(0);
    if (waiting.length === 0) return;
    const forks = waiting.filter((step) => step.kind === 'fork');
    const others = waiting.filter((step) => step.kind !== 'fork');
    // A process that ends is looked at after each of them.
    const isEnding = others.length > 0 && waiting.some(({ program }) => program.isEnding);
    const isAgain = isEnding || (forks.length > 0 && others.length > 0);
    const image = isAgain ? this.#bench.machine.saveMappings() : null;
    const { steps, outcomes } = this.#inOrder(others);
    if (image === null) return this.#accountAll([...steps, ...forks], outcomes);
    const places = this.#forkPlaces();
    places.restore(image);
    this.#accountAll(forks.length === 0 ? steps : placeForks(steps, forks, places), []);
  }

  /** Runs a step now, or with those it overlaps, when close() says that they have come back. */
  #run(space: Space, step: Step): void {
    if (space.open === 0 && space.window.length === 0) {
      this.#account(step, this.#execute(step));
      return;
    }
    space.window.push(step);
    if (space.window.length >= LONGEST_WINDOW) this.close(space);
  }

  /** Runs steps, in another order than theirs when the answers ask for one. */
  #inOrder(steps: readonly Step[]): Pick<Ordered, 'steps' | 'outcomes'> {
    if (!canOrderMatter(steps)) return { steps, outcomes: [] };
    const search = new OrderSearch(this.#bench.machine, steps, (step) => this.#execute(step));
    const ordered = search.find();
    if (!ordered.isWhole) this.#bench.notes.add('unordered');
    else if (ordered.steps.some((step, i) => step !== steps[i])) this.#bench.notes.add('reordered');
    return ordered;
  }

  #forkPlaces(): ForkPlaces {
    const { machine, endMaps } = this.#bench;
    return {
      run: (step) => this.#execute(step),
      save: () => machine.saveMappings(),
      restore: (image) => machine.restore(image),
      endMaps,
    };
  }

  /** @param outcomes of the steps that have been made already. */
  #accountAll(steps: readonly Step[], outcomes: readonly (Outcome | null)[]): void {
    for (const [i, step] of steps.entries()) {
      const outcome = outcomes[i];
      this.#account(step, outcome === undefined ? this.#execute(step) : outcome);
    }
  }

  /** Makes a step in the engine, and nothing else: a search may take it back. */
  #execute(step: Step): Outcome | null {
    if (step.kind === 'call') {
      const outcome = this.#bench.judge.execute(step);
      this.#bench.toucher.after(step, outcome);
      return outcome;
    }
    if (step.kind === 'touch') {
      step.met = step.program.process.touch(step.addr, step.access);
      return null;
    }
    const { process } = step.program;
    if (!step.sharesMm) this.#bench.toucher.beforeFork(process);
    step.child = process.clone(step.flags);
    return null;
  }

  /** Counts what a step has come to, once it is certain that it stays. */
  #account(step: Step, outcome: Outcome | null): void {
    if (step.kind === 'touch' && step.met !== 'done') step.program.space.refused.push(step);
    if (step.kind === 'fork') this.#accountFork(step);
    else if (outcome !== null && step.kind === 'call') this.#accountCall(step, outcome);
    if (step.kind === 'call' && step.opening !== null) step.program.files.put(step.opening);
    if (step.program.isEnding) this.#bench.changed(step.program.space);
  }

  #accountFork(step: ForkStep): void {
    const { child, refusal } = step;
    const isMade = typeof child !== 'number';
    if (refusal === null && isMade) return this.#bench.forked(step);
    this.#accountRefusal(step);
    if (refusal === null) return this.#bench.forked(step);
    // The kernel has no such child.
    if (isMade) child.exit();
    if (isMade) step.program.process.wait(child.id, WNOHANG | WALL);
  }

  /** The answers of a fork are the same when both sides refused it for the same reason. */
  #accountRefusal({ child, refusal, record, tid, program }: ForkStep): void {
    const engine = typeof child === 'number' ? answerText(child) : 'a process';
    const recorded = refusal === null ? 'a process' : answerText(refusal);
    program.calls++;
    if (child === refusal) {
      program.agreed++;
      return;
    }
    program.disagreed++;
    const message = `The kernel answered ${recorded}, the engine ${engine}.`;
    const parts = { pid: program.pid, tid, line: record.line, call: callText(record) };
    this.#bench.findings.add('result', message, { ...parts, recorded, engine });
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

  #skip(step: CallStep): void {
    this.#bench.judge.occupy(step);
    const { program, record, tid } = step;
    const parts = { pid: program.pid, tid, line: record.line, call: callText(record) };
    const message = `The engine does not model ${record.name}(): only its place is kept.`;
    this.#bench.findings.add('unmodelled', message, parts);
  }
}

export const callText = ({ name, args }: { name: string; args: readonly string[] }): string =>
  `${name}(${args.join(', ')})`;
