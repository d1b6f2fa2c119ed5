import type { Scene, Source, Title } from './recorder.ts';

/** A recorded file read back: how it was made, and every step after the base. */
export interface Script {
  readonly title: Title;
  readonly steps: readonly { readonly process: number; readonly operation: string }[];
}

interface Line {
  readonly kind?: string;
  readonly p?: number;
  readonly op?: string;
  readonly profile?: string;
  readonly seed?: number;
  readonly ops?: number;
  readonly uid?: number;
}

/** Reads the operations of a vector, to run them again. */
export function parseScript(text: string): Script {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
  const { profile = 'unknown', seed = 0, ops = 0, uid = 0 } = lines[0] ?? {};
  const steps = lines
    .filter((line) => line.op !== undefined && line.op !== 'base')
    .map((line) => ({ process: line.p ?? 0, operation: line.op ?? '' }));
  return { title: { profile, seed, ops, uid }, steps };
}

/** The steps of a script, one after another. */
export function scriptSource(script: Script): Source {
  const steps = script.steps.values();
  return (_scene: Scene) => steps.next().value;
}
