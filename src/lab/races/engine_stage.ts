/**
 * The engine as what a scenario explores: a machine of a protocol is set up, each thread is a
 * worker with a CPU of its own, and from then on the checker decides who goes on.
 */
import { claimCpu, type Cpu, releaseCpu, thisCpu, useCpu } from '../../engine/arena/cpu.ts';
import { memoryOf, useMemory, useViews } from '../../engine/arena/memory.ts';
import { scheduleViews } from '../../engine/arena/scheduled_views.ts';
import { seatScheduler } from '../../engine/arena/scheduler.ts';
import { workerStates } from '../../engine/arena/worker_state.ts';
import { Machine, type MachineOptions, type Protocol } from '../../index.ts';
import { activeExploration } from '../check/active.ts';
import type { Witness } from '../check/executor.ts';
import type { Memory as CheckedMemory } from '../check/memory.ts';
import type { PerThread } from '../check/per_thread.ts';
import type { Operation, Results, Scenario } from '../check/scenario.ts';
import { Alive } from './alive.ts';
import { EngineScheduler, type EngineSchedulerOptions } from './engine_scheduler.ts';

export interface EngineScenario<State> {
  readonly name: string;
  /** Of the requirements that it is about. */
  readonly ids: readonly string[];
  /** One sentence. */
  readonly story: string;
  readonly protocol: Partial<Protocol>;
  readonly machine?: MachineOptions;
  readonly scheduler?: Partial<EngineSchedulerOptions>;
  /** Prepares the machine; runs once. */
  readonly setup: (machine: Machine) => State;
  readonly threads: Readonly<Record<string, readonly Operation<State>[]>>;
  readonly invariant?: (state: State) => string | null;
  readonly final?: (state: State, results: Results) => string | null;
}

/** A stage that is set up, and how to leave it. */
export interface EngineStage<State> {
  readonly scenario: Scenario<State>;
  readonly witnesses: () => readonly Witness[];
  readonly leave: () => void;
}

const MACHINE: MachineOptions = {
  bytes: 4 * 2 ** 20,
  ramBytes: 2 ** 20,
  seed: 1,
  sysctl: { mmap_min_addr: 4096 },
};

export function engineStage<State>(given: EngineScenario<State>): EngineStage<State> {
  let machine: Machine | null = null;
  let scheduler: EngineScheduler | null = null;
  let memory: CheckedMemory | null = null;
  const cpus: Cpu[] = [];
  const names = Object.keys(given.threads);
  const asWorker = (name: string, { name: does, run }: Operation<State>): Operation<State> => ({
    name: does,
    run(state) {
      useCpu(cpus[names.indexOf(name)] ?? thisCpu);
      return run(state);
    },
  });
  const scenario: Scenario<State> = {
    name: given.name,
    variant: variantOf(given.protocol),
    setup(perThread) {
      machine = Machine.create({ ...MACHINE, ...given.machine, protocol: given.protocol });
      const state = given.setup(machine);
      for (const _ of names) cpus.push(claimCpu() as Cpu);
      machine.vmstat(); // enters it
      const { buffer } = machine.share();
      memory = activeExploration()?.memory ?? null;
      memory?.add(buffer);
      scheduler = new EngineScheduler(new Int32Array(buffer), {
        restsOnLocks: true,
        rcuBatch: 1,
        mayFail: new Set(),
        ...given.scheduler,
      });
      seatScheduler(scheduler);
      const views = memoryOf(buffer);
      useViews(scheduleViews(views, scheduler.unguarded), scheduleViews(views, scheduler));
      registerWorker(perThread);
      return state;
    },
    threads: Object.fromEntries(
      Object.entries(given.threads).map(([name, operations]) => [
        name,
        operations.map((operation) => asWorker(name, operation)),
      ]),
    ),
    ...(given.invariant === undefined ? {} : { invariant: given.invariant }),
    ...(given.final === undefined ? {} : { final: given.final }),
  };
  return {
    scenario,
    witnesses: () => (scheduler === null ? [] : [new Alive(scheduler)]),
    leave() {
      if (machine === null) return;
      memory?.undo();
      seatScheduler(null);
      useMemory(memoryOf(machine.share().buffer));
      for (const cpu of cpus) releaseCpu(cpu);
      machine.detach();
    },
  };
}

/** The protocol's values that were asked for: 'two-step'. */
const variantOf = (protocol: Partial<Protocol>): string =>
  Object.values(protocol).join(',') || 'default';

/** What each worker has of its own in the JavaScript heap. */
function registerWorker(perThread: PerThread): void {
  perThread.add({
    get cpu() {
      return thisCpu;
    },
    set cpu(cpu: Cpu) {
      useCpu(cpu);
    },
  });
  for (const state of workerStates()) perThread.add(state);
}
