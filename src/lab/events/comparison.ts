/** Compares what happened on both sides, operation by operation. */
import type { ConformFinding } from '../conform/conform.ts';
import { parseVector, type VectorHeader, type VectorRecord } from '../conform/vector.ts';
import { align, type Pair } from './alignment.ts';
import { runInEngine } from './engine_run.ts';
import type { SpaceEvent, Store } from './event.ts';
import { runOnKernel } from './kernel_run.ts';
import { type Range, Ranges } from './ranges.ts';
import { type Case, type Reason, reasonFor } from './reasons.ts';
import type { EventScenario, EventStep } from './scenario.ts';
import type { Tracing } from './tracing.ts';

/** One line of the table. */
export interface Row extends Pair {
  /** Null where both sides agree. */
  readonly reason: Reason | null;
  readonly agrees: boolean;
}

export interface ComparedStep extends EventStep {
  readonly rows: readonly Row[];
  /** Read locks of faults of the process that made the operation, which are left out. */
  readonly ownFaults: number;
}

export interface ComparedScenario {
  readonly name: string;
  readonly steps: readonly ComparedStep[];
  /** Answers that differ: then the events may, too. */
  readonly answers: readonly ConformFinding[];
}

export function compareEvents(scenario: EventScenario, tracing: Tracing): ComparedScenario {
  const kernel = runOnKernel(scenario, tracing);
  const vector = parseVector(kernel.lines.join('\n'));
  const engine = runInEngine(vector);
  const trees = new Trees((vector.base.vmas ?? []).map(rangeOf));
  const secrets = new Secrets(vector.header);
  const steps = scenario.steps.map((step, i): ComparedStep => {
    const { process, operation } = step;
    const { events = [], ownFaults = 0 } = kernel.steps[i] ?? {};
    const record = vector.records[i];
    if (record !== undefined) secrets.see(record);
    const secretEvents = events.filter((event) => secrets.hold(process, event)).length;
    const ours = engine.steps.get(record?.line ?? -1) ?? [];
    const scene = { trees: trees.at(operation, process), secretEvents };
    const rows = rowsOf(operation, align(events, ours), scene);
    return { ...step, rows, ownFaults };
  });
  return { name: scenario.name, steps, answers: engine.findings };
}

const rangeOf = ([start, end]: readonly [string, string, ...unknown[]]): Range => ({
  start: parseInt(start, 16),
  end: parseInt(end, 16),
});

/** What is in the tree of each process. */
class Trees {
  readonly #byProcess = new Map<number, Ranges>();

  constructor(first: readonly Range[]) {
    this.#byProcess.set(0, new Ranges(first));
  }

  /** The trees that an operation changes: that of its process, and that of a child it makes. */
  at(operation: string, process: number): Ranges[] {
    const [name, number] = operation.split(' ');
    const own = this.#of(process);
    if (name === 'thread') this.#byProcess.set(Number(number), own);
    return name === 'fork' ? [own, this.#of(Number(number))] : [own];
  }

  #of(process: number): Ranges {
    const ranges = this.#byProcess.get(process) ?? new Ranges();
    this.#byProcess.set(process, ranges);
    return ranges;
  }
}

/** Where memory of memfd_secret() is, as the kernel lists it. */
class Secrets {
  readonly #files: ReadonlySet<string>;
  readonly #byProcess = new Map<number, readonly Range[]>();

  constructor({ files }: VectorHeader) {
    const names = files.map((note, i) => (note.startsWith('memfd_secret') ? `f${i}` : ''));
    this.#files = new Set(names.filter((name) => name !== ''));
  }

  see({ p, op, vmas }: VectorRecord): void {
    const [name, child] = op.split(' ');
    if (name === 'fork' || name === 'thread') {
      this.#byProcess.set(Number(child), this.#byProcess.get(p) ?? []);
    }
    if (vmas === undefined) return;
    this.#byProcess.set(
      p,
      vmas.filter(([, , , , backing]) => this.#files.has(backing)).map(rangeOf),
    );
  }

  /** Whether a lock was taken for a fault there. */
  hold(process: number, event: SpaceEvent): boolean {
    const addr = event.kind === 'store' ? null : event.faultAt;
    const ranges = this.#byProcess.get(process) ?? [];
    return addr !== null && ranges.some(({ start, end }) => start <= addr && addr < end);
  }
}

interface RowScene extends Pick<Case, 'secretEvents'> {
  readonly trees: readonly Ranges[];
}

function rowsOf(
  operation: string,
  pairs: readonly Pair[],
  { trees, secretEvents }: RowScene,
): Row[] {
  const words = operation.split(' ');
  const used = new Map<string, number>();
  return pairs.map((pair) => {
    const store = storeIn(pair);
    const ranges = trees[store?.mm ?? 0] ?? new Ranges();
    const agrees = isAlike(pair);
    const reason = agrees
      ? null
      : reasonFor({ call: words[0] ?? '', words, pair, ranges, secretEvents, used });
    if (reason !== null) used.set(reason.name, (used.get(reason.name) ?? 0) + 1);
    // The engine's: the kernel does not tell of every store.
    if (pair.engine?.kind === 'store') ranges.store(pair.engine, pair.engine.isHole);
    return { ...pair, reason, agrees };
  });
}

const storeIn = ({ kernel, engine }: Pair): Store | null => asStore(engine) ?? asStore(kernel);
const asStore = (event: SpaceEvent | null): Store | null =>
  event?.kind === 'store' ? event : null;

/** Beside each other, and the same to the byte. */
function isAlike({ kernel, engine }: Pair): boolean {
  if (kernel === null || engine === null) return false;
  if (kernel.kind !== 'store' || engine.kind !== 'store') return true;
  return kernel.start === engine.start && kernel.end === engine.end;
}
