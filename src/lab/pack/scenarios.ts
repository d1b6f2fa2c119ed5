/** A compiled file read: each of its scenarios is a vector. */
import {
  headerOf,
  parseJson,
  recordOf,
  type Vector,
  VectorError,
  type VectorHeader,
} from '../conform/vector.ts';

/** The second format of operations and records; the first is that of the oldest vectors. */
export const PACK_FORMAT = 2;

export interface Scenario {
  /** Of the file, from 1. */
  readonly line: number;
  readonly name: string;
  /** One sentence. */
  readonly says: string;
  /** A page of the manual, or a line of another reference. */
  readonly source: string;
  readonly vector: Vector;
}

/** @throws VectorError with the line and what is wrong there. */
export function parseScenarios(text: string): Scenario[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const first = parseJson(lines[0] ?? '', 1);
  if (first['kind'] !== 'scenarios') throw new VectorError('line 1: not the header of a pack');
  if (first['format'] !== PACK_FORMAT) {
    throw new VectorError(`line 1: only packs of format ${PACK_FORMAT} are known`);
  }
  const header = { ...headerOf(first), profile: wordOf(first, 'topic', 1) };
  const { base: vmas, brk, data } = first;
  const base = recordOf({ p: 0, op: 'base', vmas, brk, data }, 1);
  if (base.vmas === undefined) throw new VectorError('line 1: the list of first VMAs is missing');
  return lines.slice(1).map((line, i) => scenarioOf(line, i + 2, { header, base }));
}

function scenarioOf(
  text: string,
  line: number,
  { header, base }: { header: VectorHeader; base: Vector['base'] },
): Scenario {
  const scenario = parseJson(text, line);
  const { uid, steps } = scenario;
  if (typeof uid !== 'number') throw new VectorError(`line ${line}: the "uid" is missing`);
  if (!Array.isArray(steps)) throw new VectorError(`line ${line}: the "steps" are missing`);
  const records = steps.map((step: unknown) =>
    recordOf(parseJson(JSON.stringify(step), line), line),
  );
  return {
    line,
    name: wordOf(scenario, 'name', line),
    says: wordOf(scenario, 'says', line),
    source: wordOf(scenario, 'source', line),
    vector: { header: { ...header, uid }, base, records },
  };
}

function wordOf(object: Record<string, unknown>, key: string, line: number): string {
  const word = object[key];
  if (typeof word === 'string' && word !== '') return word;
  throw new VectorError(`line ${line}: "${key}" is missing`);
}
