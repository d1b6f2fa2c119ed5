import {
  type Choice,
  brkArguments,
  ftruncArguments,
  loadArguments,
  madviseArguments,
  mmapArguments,
  mprotectArguments,
  mremapArguments,
  punchArguments,
  pwriteArguments,
  rangeArguments,
  remapPagesArguments,
  rlimitArguments,
  sealArguments,
  storeArguments,
  tableArguments,
} from './arguments.ts';
import { Places } from './place.ts';
import { type OperationName, type Profile, type ProfileName, profileNamed } from './profiles.ts';
import { Random } from './random.ts';
import type { Scene, Source } from './recorder.ts';
import { isSafe } from './safety.ts';
import { canRun } from './script.ts';
import { isModelled } from './unmodelled.ts';
import type { SmapsVma } from './vmas.ts';

const FIRST_VALUE = 0x1100;
const VALUE_STEP = 0x100;
const TRIES = 200;
const HEAP_SLACK = 12; // how far the heap may shrink or grow in all, in steps of brk

type Choose = (choice: Choice) => string[];

const CHOOSERS: Readonly<Record<Exclude<OperationName, 'fork' | 'exit'>, Choose>> = {
  mmap: mmapArguments,
  munmap: (choice) => rangeArguments(choice),
  mprotect: mprotectArguments,
  mremap: mremapArguments,
  madvise: madviseArguments,
  st: storeArguments,
  ld: loadArguments,
  mlock: (choice) => rangeArguments(choice),
  munlock: (choice) => rangeArguments(choice),
  mlock2: (choice) => tableArguments(choice, 'mlock2'),
  mseal: (choice) => tableArguments(choice, 'mseal'),
  msync: (choice) => tableArguments(choice, 'msync'),
  rfp: remapPagesArguments,
  mbind: (choice) => tableArguments(choice, 'mbind'),
  mincore: (choice) => rangeArguments(choice),
  brk: brkArguments,
  uffd: (choice) => tableArguments(choice, 'uffd'),
  unuffd: (choice) => rangeArguments(choice),
  pwrite: pwriteArguments,
  punch: punchArguments,
  addseals: sealArguments,
  rlimit: rlimitArguments,
  mlockall: ({ random }) => [String(random.pick([1, 2, 3, 3, 4, 5, 7, 0, 8]))],
  munlockall: () => [],
  mdwe: () => ['1'],
  personality: ({ random }) => [random.pick(['0x40000', '0x440000'])],
  pkeymprotect: (choice) => [...mprotectArguments(choice), choice.random.pick(['-1', '0', '1'])],
  totals: () => [],
  ftrunc: ftruncArguments,
};

/** Which program to generate. */
export interface ProgramOptions {
  readonly profile: ProfileName;
  readonly seed: number;
  readonly ops: number;
  /** What it begins with: of these steps, those that can be done safely then. */
  readonly opening?: readonly Step[];
}

/**
 * A random program, generated while it runs: what comes next depends on the seed and on what is
 * mapped by then, so the same seed gives the same program wherever the kernel does the same.
 * After the last operation every live process is swept once.
 */
export function programSource(options: ProgramOptions): Source {
  const program = new Program(options);
  return (scene) => program.next(scene);
}

/** An operation and the process that is to run it. */
export interface Step {
  readonly process: number;
  readonly operation: string;
}

class Program {
  readonly #random: Random;
  readonly #profile: Profile;
  #left: number;
  #value = FIRST_VALUE;
  #brkSteps = 0;
  #forked = 0;
  readonly #opening: Step[];
  /** Steps already decided: the first look at a new child, the sweeps at the end. */
  #queue: Step[] | undefined;

  constructor({ profile, seed, ops, opening = [] }: ProgramOptions) {
    this.#random = new Random(seed, profile);
    this.#profile = profileNamed(profile);
    this.#left = ops;
    this.#opening = [...opening];
    for (const { operation } of opening) this.#keepApart(operation.split(' '));
  }

  next(scene: Scene): Step | undefined {
    const waiting = this.#queue?.shift();
    if (waiting !== undefined) return this.#isAlive(scene, waiting) ? waiting : this.next(scene);
    if (this.#left > 0) return this.#open(scene) ?? this.#choose(scene);
    if (this.#left < 0) return undefined;
    this.#left = -1;
    this.#queue = scene.processes.map((process) => ({ process, operation: 'sweep' }));
    return this.next(scene);
  }

  /** A fork may have failed: then nobody is there to look. */
  #isAlive(scene: Scene, { process }: Step): boolean {
    return scene.processes.includes(process);
  }

  /** What is chosen later stores other values and numbers its children on. */
  #keepApart([name, ...args]: readonly string[]): void {
    if (name === 'fork') this.#forked = Math.max(this.#forked, Number(args[0]));
    const value = name === 'st' || name === 'pwrite' ? Number(args[2]) : 0;
    if (value >= this.#value) this.#value = value + VALUE_STEP;
  }

  #open(scene: Scene): Step | undefined {
    for (let step = this.#opening.shift(); step !== undefined; step = this.#opening.shift()) {
      if (!this.#canOpen(scene, step)) continue;
      this.#left--;
      return step;
    }
    return undefined;
  }

  #canOpen(scene: Scene, step: Step): boolean {
    const { operation } = step;
    if (operation === 'sweep' || !isModelled(operation)) return false;
    return canRun(scene, step) && this.#keepsHeap(operation);
  }

  #choose(scene: Scene): Step {
    this.#left--;
    const process = this.#random.pick(scene.processes);
    const name = this.#random.weighted<OperationName>(this.#profile.weights);
    if (name === 'fork') return this.#fork(scene, process);
    if (name === 'exit')
      return { process, operation: process === 0 ? 'ld 0x200000000000 0x1000' : name };
    return { process, operation: this.#safe(name, scene.vmas(process)) };
  }

  #fork(scene: Scene, process: number): Step {
    if (scene.processes.length >= this.#profile.processes) {
      return { process, operation: this.#safe('st', scene.vmas(process)) };
    }
    this.#forked++;
    this.#queue = [{ process: this.#forked, operation: 'maps 1' }];
    return { process, operation: `fork ${this.#forked}` };
  }

  #safe(name: keyof typeof CHOOSERS, vmas: readonly SmapsVma[]): string {
    for (let i = 0; i < TRIES; i++) {
      const operation = [name, ...CHOOSERS[name](this.#choice(vmas))].join(' ');
      if (!isModelled(operation) || !isSafe(operation, vmas)) continue;
      if (this.#keepsHeap(operation)) return operation;
    }
    return 'ld 0x200000000000 0x1000'; // nothing of this kind can be done safely now
  }

  #keepsHeap(operation: string): boolean {
    if (!operation.startsWith('brk ')) return true;
    const steps = this.#brkSteps + Number(operation.slice(4)) / 4096;
    if (Math.abs(steps) > HEAP_SLACK) return false;
    this.#brkSteps = steps;
    return true;
  }

  #choice(vmas: readonly SmapsVma[]): Choice {
    const random = this.#random;
    const bad = random.chance(this.#profile.bad);
    const places = new Places(random, vmas);
    return { random, places, profile: this.#profile, bad, nextValue: () => this.#nextValue() };
  }

  #nextValue(): number {
    const value = this.#value;
    this.#value += VALUE_STEP;
    return value;
  }
}
