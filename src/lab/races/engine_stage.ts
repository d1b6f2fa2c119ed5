/**
 * The engine as what a scenario explores: a machine of a protocol, or an arena, is set up, each
 * thread is a worker with a CPU of its own, and from then on the checker decides who goes on.
 */
import { ARENA_BYTES_MIN, createArena } from '../../engine/arena/arena.ts';
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
export const engineStage = <State>(given: EngineScenario<State>): EngineStage =>
  stageOn(given, () => {
    const machine = Machine.create({ ...MACHINE, ...given.machine, protocol: given.protocol });
    const state = given.setup(machine);
    return { state, buffer: machine.share().buffer, end: () => machine.detach() };
  });

/** The same of an arena. */
export const arenaStage = <State>(given: ArenaScenario<State>): EngineStage =>
  stageOn(given, () => {
    const { buffer } = createArena(ARENA_BYTES);
    const cpu = claimCpu() as Cpu;
    useCpu(cpu);
    const state = given.setup();
    releaseCpu(cpu);
    return { state, buffer, end: () => undefined };
  });

/** The fixed parts of an arena, and room for objects. */
const ARENA_BYTES = Math.ceil(ARENA_BYTES_MIN / 65536) * 65536;

/** Where a scenario takes place. */
interface Ground<State> {
  readonly state: State;
  readonly buffer: SharedArrayBuffer;
  readonly end: () => void;
}

function stageOn<State>(given: Play<State>, prepare: () => Ground<State>): EngineStage {
  const built: Partial<Built> = {};
  plantMutant(given.mutant ?? null);
  const stage = stageOf<State>({
    name: 'engine',
    setup(perThread) {
      const ground = prepare();
      const parts = build(ground, given);
      const witnesses = [new Alive(parts.scheduler), given.witness?.(ground.state) ?? []].flat();
      Object.assign(built, parts, { witnesses });
      for (const worker of [cpuOfWorker, ...workerStates()]) perThread.add(worker);
      return ground.state;
    },
    threads: Object.fromEntries(
      Object.entries(given.threads).map(([name, operations], thread) => [
        name,
        operations.map((operation) => onCpu(operation, () => built.cpus?.[thread])),
      ]),
    ),
    ...(given.invariant === undefined ? {} : { invariant: given.invariant }),
    ...(given.final === undefined ? {} : { final: given.final }),
    nameOf: (at) => built.names?.nameOf(at),
  });
  return { stage, witnesses: built.witnesses ?? [], leave: () => leave(built) };
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
}

/** Gives each thread a CPU, and leaves every access from now on to the checker. */
function build<State>(
  ground: Ground<State>,
  { threads, scheduler: options }: Play<State>,
): Omit<Built, 'witnesses'> {
  const { buffer } = ground;
  const cpus = Object.keys(threads).map(() => claimCpu() as Cpu);
  const memory = activeExploration()?.memory;
  memory?.add(buffer);
  const scheduler = new EngineScheduler(new Int32Array(buffer), {
    restsOnLocks: true,
    passes: 1,
    rcuBatch: 1,
    mayFail: new Set(),
    ...options,
  });
  const views = memoryOf(buffer);
  seatScheduler(scheduler);
  useViews(scheduleViews(views, scheduler.unguarded), scheduleViews(views, scheduler));
  const names = new Names(buffer, ground.state);
  return { ground, scheduler, memory, cpus, names };
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

function leave({ ground, memory, cpus }: Partial<Built>): void {
  plantMutant(null);
  memory?.undo();
  seatScheduler(null);
  if (ground === undefined) return;
  useMemory(memoryOf(ground.buffer));
  for (const cpu of cpus ?? []) releaseCpu(cpu);
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
