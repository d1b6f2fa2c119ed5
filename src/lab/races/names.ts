/**
 * What the kernel calls the words of the engine: 'mm1.mmap_lock', 'vma3[0-3).vm_refcnt'. The shadow
 * memory knows which object a word belongs to. Reads past the scheduler: it is asked in the middle
 * of a step, and for what is not to be changed.
 */
import { cpuId, type Cpu } from '../../engine/arena/cpu.ts';
import {
  CACHES_AT,
  CACHE_WORDS,
  CPUS_AT,
  CPU_WORDS,
  H_MEM_MAP,
  H_RAM_AT,
  H_SHADOW_AT,
  HEAP_AT,
  RINGS_AT,
  RING_WORDS,
} from '../../engine/arena/layout.ts';
import type { WordAt } from '../../engine/arena/ref.ts';
import {
  FREE,
  G_OBJECT,
  G_STATE,
  GRANULE,
  granuleOf,
  LIVE,
  STATES,
  WAITING,
} from '../../engine/arena/shadow_layout.ts';
import { cacheNameOf } from '../../engine/arena/shadow_places.ts';
import { cacheField, cpuField, fieldOf, headerField } from './fields.ts';
import { rangeText } from './ranges.ts';

/** Shorter than in the kernel, as in its variables. */
const SHORT: Readonly<Record<string, string>> = {
  vm_area_struct: 'vma',
  mm_struct: 'mm',
  task_struct: 'task',
  maple_node: 'node',
  page_table: 'table',
};

/** Words of an array of which only the first has a name. */
const NEAR = 64;

export class Names {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #doubles: Float64Array;
  /** Of each cache, the numbers that its objects were given, from 1. */
  readonly #numbers = new Map<string, Map<WordAt, number>>();
  /** Names that the scenario itself has for words: the fields of its state. */
  readonly #own: readonly (readonly [WordAt, string])[];

  /** Those that are alive get the first numbers; VMAs in the order of their addresses. */
  constructor(buffer: SharedArrayBuffer, state: unknown) {
    this.#words = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#own = ownNames(state);
    for (const [name, object] of this.#living()) this.#numberOf(name, object);
  }

  nameOf(at: WordAt): string | undefined {
    const words = this.#words;
    const ram = words[H_RAM_AT] ?? 0;
    if (at < CPUS_AT) return at < CACHES_AT ? headerField(at) : this.#cacheWord(at);
    if (at < RINGS_AT) {
      const cpu = (at - ((at - CPUS_AT) % CPU_WORDS)) as Cpu;
      return `cpu${cpuId(cpu)}.${cpuField(at - cpu, (id) => this.#cacheName(id))}`;
    }
    if (at < HEAP_AT) return `ring${Math.floor((at - RINGS_AT) / RING_WORDS)}`;
    if (at >= ram)
      return at < this.#shadow ? `frame${(at - ram) >> 10}+${(at - ram) & 1023}` : undefined;
    return this.#objectWord(at) ?? this.#ownWord(at);
  }

  get #shadow(): WordAt {
    return this.#words[H_SHADOW_AT] ?? 0;
  }

  #cacheName(id: number): string {
    const name = cacheNameOf({ words: this.#words, shadow: this.#shadow }, id);
    return SHORT[name] ?? (name === '' ? `cache${id}` : name);
  }

  #cacheWord(at: WordAt): string {
    const id = Math.floor((at - CACHES_AT) / CACHE_WORDS);
    return `depot(${this.#cacheName(id)}).${cacheField((at - CACHES_AT) % CACHE_WORDS)}`;
  }

  #objectWord(at: WordAt): string | null {
    const granule = granuleOf(this.#shadow, at);
    const object = this.#words[granule + G_OBJECT] ?? 0;
    if (object === 0) return null;
    const state = this.#words[granule + G_STATE] ?? 0;
    const name = this.#cacheName(Math.floor(state / STATES));
    return `${this.#objectName(name, object, state % STATES)}.${fieldOf(name, at - object)}`;
  }

  /** A page has the number of its frame. */
  #objectName(name: string, object: WordAt, state: number): string {
    if (name === 'page') return `page${(object - (this.#words[H_MEM_MAP] ?? 0)) / GRANULE}`;
    const numbered = `${name}${this.#numberOf(name, object)}`;
    if (state === FREE) return `${numbered}(free)`;
    if (state === WAITING) return `${numbered}(waits for RCU)`;
    return name === 'vma' ? `${numbered}${rangeText(this.#doubles, object)}` : numbered;
  }

  #numberOf(name: string, object: WordAt): number {
    const numbers = this.#numbers.get(name) ?? new Map<WordAt, number>();
    this.#numbers.set(name, numbers);
    const number = numbers.get(object) ?? numbers.size + 1;
    numbers.set(object, number);
    return number;
  }

  #ownWord(at: WordAt): string | undefined {
    const [own] = this.#own.filter(([from]) => from <= at && at < from + NEAR).slice(-1);
    if (own === undefined) return undefined;
    const [from, name] = own;
    if (name === 'mm') return `mm.${fieldOf('mm', at - from)}`;
    return at === from ? name : `${name}+${at - from}`;
  }

  /** Every living object and what it is of. */
  #living(): [string, WordAt][] {
    const found: [string, WordAt][] = [];
    const end = this.#words[H_RAM_AT] ?? 0;
    for (let at = HEAP_AT - (HEAP_AT % GRANULE); at < end; at += GRANULE) {
      const granule = granuleOf(this.#shadow, at);
      const state = this.#words[granule + G_STATE] ?? 0;
      if (this.#words[granule + G_OBJECT] !== at || state % STATES !== LIVE) continue;
      found.push([this.#cacheName(Math.floor(state / STATES)), at]);
    }
    const startOf = ([name, at]: [string, WordAt]): number =>
      name === 'vma' ? (this.#doubles[at >> 1] ?? 0) : at;
    return found.toSorted((a, b) => startOf(a) - startOf(b));
  }
}

/** The fields of a state that may be words, lowest first. */
function ownNames(state: unknown): [WordAt, string][] {
  if (typeof state !== 'object' || state === null) return [];
  return Object.entries(state)
    .flatMap(([name, at]): [WordAt, string][] => (typeof at === 'number' ? [[at, name]] : []))
    .toSorted(([a], [b]) => a - b);
}
