/**
 * The engine as what a scenario explores: a machine of a protocol, or an arena, is set up, each
 * thread is a worker with a CPU of its own, and from then on the checker decides who goes on.
 */
import type { WordAt } from '../../engine/arena/ref.ts';
import { H_RAM_AT } from '../../engine/arena/layout.ts';
import { ARENA_BYTES_MIN, createArena } from '../../engine/arena/arena.ts';
import { claimCpu, type Cpu, releaseCpu, thisCpu, useCpu } from '../../engine/arena/cpu.ts';
import { memoryOf, useMemory, useViews } from '../../engine/arena/memory.ts';
import { type Mutant, plantMutant } from '../../engine/arena/mutants.ts';
import { scheduleViews } from '../../engine/arena/scheduled_views.ts';
import { seatScheduler } from '../../engine/arena/scheduler.ts';
import { workerStates } from '../../engine/arena/worker_state.ts';
import { Machine, type MachineOptions, type Protocol } from '../../index.ts';
import { activeExploration } from '../check/active.ts';
import type { Witness } from '../check/witness.ts';
import type { Memory as CheckedMemory } from '../check/memory.ts';
import type { Operation, Results, Scenario } from '../check/scenario.ts';
import { Alive } from './alive.ts';
import { Names } from './names.ts';
import { EngineScheduler, type EngineSchedulerOptions } from './engine_scheduler.ts';

/** What a scenario says beside where it takes place. */
interface Play<State> {
  /** A bug that is planted. */
  readonly mutant?: Mutant;
  readonly scheduler?: Partial<EngineSchedulerOptions>;
  readonly threads: Readonly<Record<string, readonly Operation<State>[]>>;
  /** What watches every access. */
  readonly witness?: (state: State) => Witness;
  readonly invariant?: (state: State) => string | null;
  readonly final?: (state: State, results: Results) => string | null;
}

export interface EngineScenario<State> extends Play<State> {
  readonly protocol: Partial<Protocol>;
  readonly machine?: MachineOptions;
  /** Prepares the machine; runs once. */
  readonly setup: (machine: Machine) => State;
}

/** What the engine's lower floors do by themselves: on an arena without a machine. */
export interface ArenaScenario<State> extends Play<State> {
  /** Prepares the arena, as the worker that will be the first thread; runs once. */
  readonly setup: () => State;
}

/** On a machine, or on an arena alone. */
export type AnyScenario<State> = EngineScenario<State> | ArenaScenario<State>;

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

function onMachine<State>(given: EngineScenario<State>): Ground<State> {
  const machine = Machine.create({ ...MACHINE, ...given.machine, protocol: given.protocol });
  const state = given.setup(machine);
  return { state, buffer: machine.share().buffer, end: () => machine.detach() };
}

function onArena<State>(given: ArenaScenario<State>): Ground<State> {
  const { buffer } = createArena(ARENA_BYTES);
  const cpu = claimCpu() as Cpu;
  useCpu(cpu);
  const state = given.setup();
  releaseCpu(cpu);
  return { state, buffer, end: () => undefined };
}

/** The fixed parts of an arena, and room for objects. */
const ARENA_BYTES = Math.ceil(ARENA_BYTES_MIN / 65536) * 65536;

/** Where a scenario takes place. */
interface Ground<State> {
  readonly state: State;
  readonly buffer: SharedArrayBuffer;
  readonly end: () => void;
}

/**
 * What the checker explores for a scenario. Each time that it is set up a new machine is made, with
 * at most one bug planted, and the last one is left.
 */
export function openScenario<State>(given: AnyScenario<State>, title: Title): OpenScenario {
  let built: Built | null = null;
  const close = (): void => {
    if (built !== null) leave(built);
    built = null;
  };
  const scenario: Scenario<State> = {
    ...title,
    setup(perThread) {
      close();
      const ground = 'protocol' in given ? onMachine(given) : onArena(given);
      built = build(ground, given);
      // Only now: what is set up is set up right.
      plantMutant(given.mutant ?? null);
      for (const worker of [cpuOfWorker, ...workerStates()]) perThread.add(worker);
      return ground.state;
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
    nameOf: (at) => built?.names.nameOf(at),
    witnesses: () => built?.witnesses ?? [],
  };
  return { scenario: scenario as Scenario, leave: close };
}

interface Title {
  readonly name: string;
  readonly variant: string;
}

/** What there is once a scenario is set up. */
interface Built {
  readonly ground: Ground<unknown>;
  readonly scheduler: EngineScheduler;
  readonly memory: CheckedMemory | undefined;
  /** Of each thread. */
  readonly cpus: readonly Cpu[];
  readonly witnesses: readonly Witness[];
  readonly names: Names;
  /** The first word of the frames: what programs do with theirs may race. The shadow is behind. */
  readonly ram: WordAt;
}

/** Gives each thread a CPU, and leaves every access from now on to the checker. */
function build<State>(ground: Ground<State>, given: Play<State>): Built {
  const { buffer } = ground;
  const cpus = Object.keys(given.threads).map(() => claimCpu() as Cpu);
  const memory = activeExploration()?.memory;
  memory?.add(buffer);
  const scheduler = new EngineScheduler(new Int32Array(buffer), {
    restsOnLocks: true,
    passes: 1,
    rcuBatch: 1,
    mayFail: new Set(),
    ...given.scheduler,
  });
  const views = memoryOf(buffer);
  seatScheduler(scheduler);
  useViews(scheduleViews(views, scheduler.unguarded), scheduleViews(views, scheduler));
  const names = new Names(buffer, ground.state);
  const witnesses = [new Alive(scheduler), given.witness?.(ground.state) ?? []].flat();
  const ram = views.i32[H_RAM_AT] ?? 0;
  return { ground, scheduler, memory, cpus, names, witnesses, ram };
}

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

function leave({ ground, memory, cpus }: Built): void {
  plantMutant(null);
  memory?.undo();
  seatScheduler(null);
  useMemory(memoryOf(ground.buffer));
  for (const cpu of cpus) releaseCpu(cpu);
  ground.end();
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
