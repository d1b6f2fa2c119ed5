/** What happened in one execution, step by step, for people and for other programs. */
import type { Executor } from './executor.ts';
import type { Witness } from './witness.ts';
import {
  ADD,
  AND,
  BEGINS,
  CAS,
  CHOICE,
  CHOICE_ALLOC,
  ENDS,
  EXCHANGE,
  KIND_MASK,
  KIND_NAMES,
  NO_WORD,
  NOTIFY,
  PLAIN_STORE,
  SPIN,
  STORE,
  WAIT,
  WAIT_OK,
  WAIT_TIMED_OUT,
  WRITES,
  XOR,
} from './kind.ts';
import { WRITE_WORDS } from './memory.ts';
import type { Stage } from './scenario.ts';
import type { Step } from './search.ts';

/** One line of a trace. */
export interface TraceStep {
  /** Atomic steps are counted, from 1; what is no step of its own has the number of the one before. */
  readonly step: number;
  readonly thread: number;
  readonly kind: string;
  /** The word and its name, if it has one. */
  readonly at: number | null;
  readonly name: string | null;
  /** What it answered. */
  readonly value: number | null;
  /** Of a write: what was in the word, and is. */
  readonly old: number | null;
  readonly now: number | null;
  /** In words. */
  readonly text: string;
}

export class Trace implements Witness {
  readonly steps: TraceStep[] = [];
  readonly #stage: Stage;
  #executor: Executor | null = null;
  #count = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Whose steps it sees; it is one of its witnesses. */
  watch(executor: Executor): void {
    this.#executor = executor;
  }

  begin(): void {
    this.steps.length = 0;
    this.#count = 0;
  }

  atomic(step: Step): string | null {
    this.#count++;
    const { thread, kind, at, mode, value } = step;
    const name = at === NO_WORD ? null : this.#stage.nameOf(at);
    const [old, now] = (mode & WRITES) === 0 ? [null, null] : this.#lastWrite();
    const text = this.#text(step, name ?? '', old, now);
    this.#push({ thread, kind, at, name, value: step.rests ? null : value, old, now, text });
    return null;
  }

  wakes(thread: number, kind: number, at: number): void {
    const name = this.#stage.nameOf(at);
    this.#push({ thread, kind, at, name, value: 0, old: null, now: null, text: 'is woken' });
  }

  plain(thread: number, kind: number, at: number, value: number): string | null {
    const base = kind & KIND_MASK;
    if (base >= BEGINS) {
      const text = this.#operationText(thread, base, at);
      this.#push({
        thread,
        kind,
        at: NO_WORD,
        name: null,
        value: null,
        old: null,
        now: null,
        text,
      });
      return null;
    }
    if (!this.#stage.showsPlain) return null;
    const name = this.#stage.nameOf(at);
    const [old, now] = base === PLAIN_STORE ? this.#lastWrite() : [null, null];
    const was = old === null || old === now ? '' : ` (was ${old})`;
    const text = `${KIND_NAMES[base]} ${name} = ${value}${was}`;
    this.#push({ thread, kind, at, name, value, old, now, text });
    return null;
  }

  #push({ kind, at, ...rest }: Omit<TraceStep, 'step' | 'kind' | 'at'> & Place): void {
    this.steps.push({
      step: this.#count,
      kind: KIND_NAMES[kind & KIND_MASK] ?? '?',
      at: at === NO_WORD ? null : at,
      ...rest,
    });
  }

  #lastWrite(): [number, number] {
    const memory = this.#executor?.memory;
    const i = ((memory?.logged ?? 0) - 1) * WRITE_WORDS;
    return [memory?.log[i + 1] ?? 0, memory?.log[i + 2] ?? 0];
  }

  #operationText(thread: number, kind: number, index: number): string {
    const name = this.#stage.operationNames[thread]?.[index] ?? '';
    if (kind !== ENDS) return `> ${name}`;
    const result = this.#executor?.threads[thread]?.results[index];
    return result === undefined ? `< ${name}` : `< ${name} = ${resultText(result)}`;
  }

  #text(step: Step, name: string, old: number | null, now: number | null): string {
    const { a, b, value } = step;
    const base = step.kind & KIND_MASK;
    const kind = KIND_NAMES[base] ?? '?';
    if (base === STORE) return `store ${name} = ${now}${old === now ? '' : ` (was ${old})`}`;
    if (base === CAS)
      return `cas ${name} ${a} -> ${b}: ${old === null ? `fails, is ${value}` : 'ok'}`;
    if (base === WAIT) return `wait ${name} while ${a}: ${waitText(step)}`;
    if (base === NOTIFY) return `notify ${name}: wakes ${this.#wokenText(step.woke)}`;
    if (base === SPIN) return `spin while ${name} = ${a}: ${step.rests ? 'rests' : `is ${value}`}`;
    if (base === CHOICE) {
      return b === CHOICE_ALLOC
        ? `alloc: ${value === 0 ? 'ok' : 'fails'}`
        : `choice ${value} of ${a}`;
    }
    return modifies(base) ? `${kind} ${name} ${a}: ${old} -> ${now}` : `${kind} ${name} = ${value}`;
  }

  #wokenText(woke: number): string {
    const names = this.#stage.threadNames.filter((_, thread) => ((woke >> thread) & 1) === 1);
    return names.length === 0 ? 'nobody' : names.join(', ');
  }
}

interface Place {
  readonly kind: number;
  readonly at: number;
}

const modifies = (kind: number): boolean =>
  kind === EXCHANGE || (kind >= ADD && kind <= XOR) || kind === AND;

function waitText({ rests, value }: Step): string {
  if (rests) return 'sleeps';
  if (value === WAIT_OK) return 'ok';
  return value === WAIT_TIMED_OUT ? 'times out' : 'is another';
}

function resultText(result: unknown): string {
  if (typeof result === 'string') return result;
  return JSON.stringify(result, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}
