/** Sources to compiled files: every scenario runs on the live kernel, in processes of its own. */
import { ownUid } from '../oracle/kernel.ts';
import { record } from '../oracle/recorder.ts';
import { type Given, whatElse } from './expected.ts';
import { packError, type Places } from './place.ts';
import { PACK_FORMAT } from './scenarios.ts';
import { parseSource, type SourceScenario, type SourceStep } from './source.ts';

/** A process with more VMAs than this is counted, and not listed. */
export const MOST_LISTED = 64;

export interface BuiltFile {
  /** Of the compiled file, without newlines. */
  readonly lines: readonly string[];
  /** Where the kernel did not do what the author expects, `file:line: sentence`. */
  readonly mistakes: readonly string[];
}

/** How every first process of this machine begins. */
export interface Beginning {
  readonly header: Readonly<Record<string, unknown>>;
  readonly base: readonly Vma[];
  readonly brk: string;
  readonly data: readonly string[];
}

interface Base {
  readonly vmas: readonly Vma[];
  readonly brk: string;
  readonly data: readonly string[];
}

/** What a header says of one recording, and not of the machine. */
const OF_ONE_RECORDING = ['seed', 'profile', 'ops', 'uid'];

type Vma = readonly [string, string, string, string, string, ...unknown[]];

interface Line extends Given {
  readonly vmas?: readonly Vma[];
  readonly same?: 1;
  readonly n?: number;
}

/** Asks the kernel how a process begins. */
export function beginning(): Beginning {
  const title = { profile: '', seed: 0, ops: 0, uid: ownUid() };
  return beginningOf(record(title, () => undefined));
}

function beginningOf([header = '', base = '']: readonly string[]): Beginning {
  const { vmas, brk, data } = JSON.parse(base) as Base;
  const machine = JSON.parse(header) as Record<string, unknown>;
  for (const key of OF_ONE_RECORDING) delete machine[key];
  return { header: machine, base: vmas, brk, data };
}

/** @throws PackError with the place of what cannot be compiled. */
export function buildFile(
  text: string,
  { file, topic, from }: { file: string; topic: string; from: Beginning },
): BuiltFile {
  const scenarios = parseSource(text, { file, topic, places: placesOf(from) });
  const mistakes: string[] = [];
  const lines = scenarios.map((scenario) => {
    const built = new ScenarioBuild(scenario, file, from);
    mistakes.push(...built.mistakes);
    return built.line;
  });
  return { lines: [headerLine(topic, from), ...lines], mistakes };
}

function headerLine(topic: string, { header, ...first }: Beginning): string {
  return JSON.stringify({ ...header, kind: 'scenarios', format: PACK_FORMAT, topic, ...first });
}

function placesOf({ base, brk }: Beginning): Places {
  const startOf = (wanted: string): bigint => {
    const [start] = base.find(([, , , , name]) => name.startsWith(wanted)) ?? [];
    return BigInt(`0x${start ?? '0'}`);
  };
  return { HEAP: startOf('[heap]'), BRK: BigInt(`0x${brk}`), TOP: startOf('[v') };
}

/** One scenario run and compared with what is expected. */
class ScenarioBuild {
  readonly line: string;
  readonly mistakes: string[] = [];
  readonly #file: string;
  readonly #counts = new Map<number, number>();

  constructor(scenario: SourceScenario, file: string, from: Beginning) {
    this.#file = file;
    const { name, says, source, uid, steps } = scenario;
    const [header = '', base = '', ...records] = this.#record(scenario);
    if (JSON.stringify(beginningOf([header, base])) !== JSON.stringify(from)) {
      throw packError(file, scenario.line, 'its first process begins otherwise than the others.');
    }
    steps.forEach((step, i) => this.#check(step, JSON.parse(records[i] ?? '{}') as Line));
    const start = JSON.stringify({ name, says, source, uid }).slice(0, -1);
    this.line = `${start},"steps":[${records.join(',')}]}`;
  }

  #record({ name, line, uid, steps }: SourceScenario): string[] {
    let last = line;
    const rest = steps.values();
    try {
      return record(
        { profile: name, seed: 0, ops: steps.length, uid },
        () => {
          const step = rest.next().value;
          last = step?.line ?? last;
          return step;
        },
        { mostListed: MOST_LISTED },
      );
    } catch (error) {
      throw packError(this.#file, last, error instanceof Error ? error.message : String(error));
    }
  }

  #check({ line, process, expected, vmas }: SourceStep, given: Line): void {
    const mistaken = expected === null ? null : whatElse(expected, given);
    if (mistaken !== null) this.mistakes.push(`${this.#file}:${line}: ${mistaken}`);
    const count = countOf(given) ?? this.#counts.get(process) ?? 0;
    this.#counts.set(process, count);
    if (vmas === null || vmas === count) return;
    this.mistakes.push(`${this.#file}:${line}: process ${process} has ${count} VMAs, not ${vmas}.`);
  }
}

function countOf({ vmas, n }: Line): number | undefined {
  return n ?? vmas?.filter(([, , , , name]) => name !== '[heap]').length;
}
