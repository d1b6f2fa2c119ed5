/**
 * The engine as what a scenario explores: a machine of a protocol is set up, each thread is a
 * worker with a CPU of its own, and from then on the checker decides who goes on.
 */
import type { WordAt } from '../../engine/arena/ref.ts';
import { H_RAM_AT } from '../../engine/arena/layout.ts';
import { claimCpu, type Cpu, releaseCpu, thisCpu, useCpu } from '../../engine/arena/cpu.ts';
import { memoryOf, useMemory, useViews } from '../../engine/arena/memory.ts';
import { type Mutant, plantMutant } from '../../engine/arena/mutants.ts';
import { scheduleViews } from '../../engine/arena/scheduled_views.ts';
import { seatScheduler } from '../../engine/arena/scheduler.ts';
import { workerStates } from '../../engine/arena/worker_state.ts';
import { Machine, type MachineOptions, type Protocol } from '../../index.ts';
import { activeExploration } from '../check/active.ts';
import type { Memory as CheckedMemory } from '../check/memory.ts';
import type { Operation, Results, Scenario } from '../check/scenario.ts';
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

/** A scenario of the engine as the checker takes it. */
export interface OpenScenario {
  readonly scenario: Scenario;
  /** Leaves the machine that was set up last: nobody sees its accesses any more. */
  readonly leave: () => void;
}

const MACHINE: MachineOptions = {
  bytes: 4 * 2 ** 20,
  ramBytes: 2 ** 20,
  seed: 1,
  sysctl: { mmap_min_addr: 4096 },
};

/**
 * What the checker explores for a scenario. Each time that it is set up a new machine is made, with
 * at most one bug planted, and the last one is left.
 */
export function openScenario<State>(
  given: EngineScenario<State>,
  { name, variant }: Title,
): OpenScenario {
  let built: Built | null = null;
  const close = (): void => {
    if (built !== null) leave(built);
    built = null;
  };
  const scenario: Scenario<State> = {
    name,
    variant,
    setup(perThread) {
      close();
      plantMutant(given.mutant ?? null);
      const machine = Machine.create({ ...MACHINE, ...given.machine, protocol: given.protocol });
      const state = given.setup(machine);
      built = build(machine, given);
      for (const worker of [cpuOfWorker, ...workerStates()]) perThread.add(worker);
      return state;
    },
    threads: Object.fromEntries(
      Object.entries(given.threads).map(([thread, operations], index) => [
        thread,
        operations.map((operation) => onCpu(operation, () => built?.cpus[index])),
      ]),
    ),
    ...(given.invariant === undefined ? {} : { invariant: given.invariant }),
    ...(given.final === undefined ? {} : { final: given.final }),
    // Names of caches are written into the shadow, always the same.
    hasUnseenStores: true,
    showsPlain: false,
    isQuiet: (at) => at >= (built?.ram ?? 0),
    witnesses: () => (built === null ? [] : [new Alive(built.scheduler)]),
  };
  return { scenario: scenario as Scenario, leave: close };
}

interface Title {
  readonly name: string;
  readonly variant: string;
}

/** What there is once a scenario is set up. */
interface Built {
  readonly machine: Machine;
  readonly scheduler: EngineScheduler;
  readonly memory: CheckedMemory | undefined;
  /** Of each thread. */
  readonly cpus: readonly Cpu[];
  /** The first word of the frames: what programs do with theirs may race. The shadow is behind. */
  readonly ram: WordAt;
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
  const ram = views.i32[H_RAM_AT] ?? 0;
  seatScheduler(scheduler);
  useViews(scheduleViews(views, scheduler.unguarded), scheduleViews(views, scheduler));
  return { machine, scheduler, memory, cpus, ram };
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

function leave({ machine, memory, cpus }: Built): void {
  plantMutant(null);
  memory?.undo();
  seatScheduler(null);
  useMemory(memoryOf(machine.share().buffer));
  for (const cpu of cpus) releaseCpu(cpu);
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
