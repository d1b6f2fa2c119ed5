/** The source of a topic: scenarios as people write them. */
import { type Expected, parseExpected } from './expected.ts';
import { compileOperation, SILENT } from './operations.ts';
import { namesOfPlaces, packError, type Places } from './place.ts';
import type { Names } from './value.ts';

export interface SourceStep {
  /** Of the source, from 1. */
  readonly line: number;
  readonly process: number;
  /** In numbers, as a vector has it. */
  readonly operation: string;
  readonly expected: Expected | null;
  /** VMAs of the process afterwards, but for those of the base and the heap. */
  readonly vmas: number | null;
}

export interface SourceScenario {
  readonly line: number;
  /** "topic/what-it-is-about". */
  readonly name: string;
  /** One sentence. */
  readonly says: string;
  /** A page of the manual, or a line of another reference. */
  readonly source: string;
  readonly uid: number;
  readonly steps: readonly SourceStep[];
}

/** A text and what its lines mean. */
interface Input {
  readonly file: string;
  readonly topic: string;
  readonly places: Names['places'];
}

/** A block of lines that belong to one scenario, without blank lines and comments. */
type Block = readonly { readonly line: number; readonly text: string }[];

const SENTENCE = /^[A-Z0-9].*\.$/u;
const LONGEST_SENTENCE = 240;

/** @throws PackError with the place of the first line that is wrong. */
export function parseSource(
  text: string,
  { file, topic, places }: { file: string; topic: string; places: Places },
): SourceScenario[] {
  const input = { file, topic, places: namesOfPlaces(places) };
  const scenarios = blocksOf(text, input).map((block) => scenarioOf(block, input));
  if (scenarios.length === 0) throw packError(file, 1, 'there is no scenario: "# topic/name".');
  const seen = new Set<string>();
  for (const { name, line } of scenarios) {
    if (seen.has(name)) throw packError(file, line, `a scenario is called "${name}" already.`);
    seen.add(name);
  }
  return scenarios;
}

function blocksOf(text: string, { file }: Input): Block[] {
  const blocks: { line: number; text: string }[][] = [];
  for (const [i, raw] of text.split('\n').entries()) {
    const one = { line: i + 1, text: raw.trim() };
    if (one.text === '' || one.text.startsWith('##')) continue;
    if (one.text.startsWith('#')) blocks.push([]);
    const block = blocks.at(-1);
    if (block === undefined) throw packError(file, one.line, 'a scenario begins "# topic/name".');
    block.push(one);
  }
  return blocks;
}

function scenarioOf(block: Block, input: Input): SourceScenario {
  const [title = { line: 1, text: '' }, ...lines] = block;
  const at = lines.findIndex(({ text }) => text.startsWith('source:'));
  const refuse = (sentence: string) => packError(input.file, title.line, sentence);
  if (at === -1) throw refuse('the scenario has no line "source: ...".');
  const says = lines
    .slice(0, at)
    .map(({ text }) => text)
    .join(' ');
  if (!SENTENCE.test(says) || says.length > LONGEST_SENTENCE) {
    throw refuse('between the name and "source:" stands one sentence of at most 240 characters.');
  }
  const source = lines[at]?.text.slice('source:'.length).trim() ?? '';
  if (source === '') throw refuse('"source:" names a page of the manual or another reference.');
  const [uid, rest] = uidOf(lines.slice(at + 1), input);
  if (rest.length === 0) throw refuse('the scenario has no step.');
  const steps = rest.map(({ line, text }) => stepOf(text, line, input));
  return { line: title.line, name: nameOf(title, input), says, source, uid, steps };
}

function nameOf({ line, text }: Block[number], { file, topic }: Input): string {
  const name = text.slice(1).trim();
  if (name.startsWith(`${topic}/`) && /^[a-z0-9-]+\/[a-z0-9-]+$/u.test(name)) return name;
  throw packError(file, line, `a name is "${topic}/" and small letters, digits and hyphens.`);
}

function uidOf(lines: Block, { file }: Input): [number, Block] {
  const [first, ...rest] = lines;
  if (first === undefined || !first.text.startsWith('uid:')) return [0, lines];
  const uid = first.text.slice('uid:'.length).trim();
  if (!/^\d{1,9}$/u.test(uid))
    throw packError(file, first.line, `"${uid}" is no number of a user.`);
  return [Number(uid), rest];
}

function stepOf(text: string, line: number, input: Input): SourceStep {
  try {
    return { line, ...parseStep(text, input.places) };
  } catch (error) {
    throw packError(input.file, line, error instanceof Error ? error.message : String(error));
  }
}

/** `1: munmap W 3p -> 0 [2]` */
function parseStep(text: string, places: Names['places']): Omit<SourceStep, 'line'> {
  const [, count] = /\s\[(\d+)\]$/u.exec(text) ?? [];
  const body = count === undefined ? text : text.slice(0, text.lastIndexOf('['));
  const [call = '', ...expectation] = body.split('->');
  if (expectation.length > 1) throw new Error('"->" stands twice.');
  const [, process = '0', words = ''] = /^(?:(\d+):)?\s*(.*)$/u.exec(call.trim()) ?? [];
  const operation = compileOperation(words.split(/\s+/u), places);
  const name = operation.split(' ')[0] ?? '';
  const [expected] = expectation;
  if (expected === undefined && !SILENT.includes(name)) {
    throw new Error('behind the operation stands "->" and what is expected of it, or "_".');
  }
  return {
    process: Number(process),
    operation,
    expected: expected === undefined ? null : parseExpected(name, expected, places),
    vmas: count === undefined ? null : Number(count),
  };
}
