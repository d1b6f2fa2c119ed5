/**
 * The engine as what a scenario explores: a machine of a protocol is set up, each thread is a
 * worker with a CPU of its own, and from then on the checker decides who goes on.
 */
import { claimCpu, type Cpu, releaseCpu, thisCpu, useCpu } from '../../engine/arena/cpu.ts';
import { memoryOf, useMemory, useViews } from '../../engine/arena/memory.ts';
import { type Mutant, plantMutant } from '../../engine/arena/mutants.ts';
import { scheduleViews } from '../../engine/arena/scheduled_views.ts';
import { seatScheduler } from '../../engine/arena/scheduler.ts';
import { workerStates } from '../../engine/arena/worker_state.ts';
import { Machine, type MachineOptions, type Protocol } from '../../index.ts';
import { activeExploration } from '../check/active.ts';
import type { Witness } from '../check/executor.ts';
import type { Memory as CheckedMemory } from '../check/memory.ts';
import { type Operation, type Results, type Stage, stageOf } from '../check/scenario.ts';
import { Alive } from './alive.ts';
import { EngineScheduler, type EngineSchedulerOptions } from './engine_scheduler.ts';

export interface EngineScenario<State> {
  readonly protocol: Partial<Protocol>;
  /** A bug that is planted. */
  readonly mutant?: Mutant;
  readonly machine?: MachineOptions;
  readonly scheduler?: Partial<EngineSchedulerOptions>;
  /** Prepares the machine; runs once. */
  readonly setup: (machine: Machine) => State;
  readonly threads: Readonly<Record<string, readonly Operation<State>[]>>;
  readonly invariant?: (state: State) => string | null;
  readonly final?: (state: State, results: Results) => string | null;
}

/** A machine on the stage, and how it leaves. One may be there at a time. */
export interface EngineStage {
  readonly stage: Stage;
  /** What watches every access, beside those that watch any scenario. */
  readonly witnesses: readonly Witness[];
  readonly leave: () => void;
}

const MACHINE: MachineOptions = {
  bytes: 4 * 2 ** 20,
  ramBytes: 2 ** 20,
  seed: 1,
  sysctl: { mmap_min_addr: 4096 },
};

/** Sets a machine up as a scenario wants it, with at most one bug planted. */
export function engineStage<State>(given: EngineScenario<State>): EngineStage {
  const built: Partial<Built> = {};
  plantMutant(null);
  const stage = stageOf<State>({
    name: 'engine',
    setup(perThread) {
      const machine = Machine.create({ ...MACHINE, ...given.machine, protocol: given.protocol });
      const state = given.setup(machine);
      Object.assign(built, build(machine, given));
      // Only now: what is set up is set up right.
      plantMutant(given.mutant ?? null);
      for (const worker of [cpuOfWorker, ...workerStates()]) perThread.add(worker);
      return state;
    },
    threads: Object.fromEntries(
      Object.entries(given.threads).map(([name, operations], thread) => [
        name,
        operations.map((operation) => onCpu(operation, () => built.cpus?.[thread])),
      ]),
    ),
    ...(given.invariant === undefined ? {} : { invariant: given.invariant }),
    ...(given.final === undefined ? {} : { final: given.final }),
  });
  return {
    stage,
    witnesses: built.scheduler === undefined ? [] : [new Alive(built.scheduler)],
    leave: () => leave(built),
  };
}

/** What there is once a scenario is set up. */
interface Built {
  readonly machine: Machine;
  readonly scheduler: EngineScheduler;
  readonly memory: CheckedMemory | undefined;
  /** Of each thread. */
  readonly cpus: readonly Cpu[];
}

/** Gives each thread a CPU, and leaves every access from now on to the checker. */
function build(machine: Machine, { threads, scheduler: options }: Workers): Built {
  const cpus = Object.keys(threads).map(() => claimCpu() as Cpu);
  const { buffer } = machine.share();
  const memory = activeExploration()?.memory;
  memory?.add(buffer);
  const scheduler = new EngineScheduler(new Int32Array(buffer), {
    restsOnLocks: true,
    rcuBatch: 1,
    mayFail: new Set(),
    ...options,
  });
  const views = memoryOf(buffer);
  seatScheduler(scheduler);
  useViews(scheduleViews(views, scheduler.unguarded), scheduleViews(views, scheduler));
  return { machine, scheduler, memory, cpus };
}

type Workers = Pick<EngineScenario<never>, 'threads' | 'scheduler'>;

/** An operation of the worker that has a CPU. */
const onCpu = <State>(
  { name, run }: Operation<State>,
  cpu: () => Cpu | undefined,
): Operation<State> => ({
  name,
  run(state) {
    useCpu(cpu() ?? thisCpu);
    return run(state);
  },
});

function leave({ machine, memory, cpus }: Partial<Built>): void {
  plantMutant(null);
  memory?.undo();
  seatScheduler(null);
  if (machine === undefined) return;
  useMemory(memoryOf(machine.share().buffer));
  for (const cpu of cpus ?? []) releaseCpu(cpu);
  machine.detach();
}

/** Which CPU runs, as a field. */
const cpuOfWorker = {
  get cpu(): Cpu {
    return thisCpu;
  },
  set cpu(cpu: Cpu) {
    useCpu(cpu);
  },
};
