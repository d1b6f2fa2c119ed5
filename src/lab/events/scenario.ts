/** What is run on both sides: operations as a vector writes them, and where they come from. */
import { parseJson, parseVector, type Vector, VectorError } from '../conform/vector.ts';
import { compileOperation } from '../pack/operations.ts';
import { parseScenarios } from '../pack/scenarios.ts';

export interface EventStep {
  readonly process: number;
  readonly operation: string;
  /** As people write it. */
  readonly text: string;
}

export interface EventScenario {
  readonly name: string;
  readonly uid: number;
  readonly steps: readonly EventStep[];
}

/** Where the built-in scenarios map: nothing else is there. */
export const WINDOW = 0x200000000000;
const PLACES: ReadonlyMap<string, bigint> = new Map([['W', BigInt(WINDOW)]]);

/** @param lines as `1: munmap W 2p`. */
export function scenarioOf(name: string, lines: readonly string[]): EventScenario {
  const steps = lines.map((line) => {
    const [, process = '0', words = ''] = /^(?:(\d+):)?\s*(.*)$/u.exec(line) ?? [];
    return {
      process: Number(process),
      operation: compileOperation(words.split(' '), PLACES),
      text: words,
    };
  });
  return { name, uid: 0, steps };
}

/** @throws VectorError for what is neither a vector nor a pack. */
export function parseScenarioFile(text: string, file: string): EventScenario[] {
  const [first = ''] = text.split('\n', 1);
  const kind = first === '' ? 'header' : parseJson(first, 1)['kind'];
  if (kind === 'header') return [scenarioOfVector(file, parseVector(text))];
  if (kind === 'scenarios') {
    return parseScenarios(text).map(({ name, vector }) => scenarioOfVector(name, vector));
  }
  throw new VectorError(
    'line 1: the "kind" is neither "header", a vector, nor "scenarios", a pack',
  );
}

function scenarioOfVector(name: string, { header, records }: Vector): EventScenario {
  const steps = records.map(({ p, op }) => ({ process: p, operation: op, text: op }));
  return { name, uid: header.uid, steps };
}
