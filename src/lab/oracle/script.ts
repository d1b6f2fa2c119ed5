import type { Step } from './programs.ts';
import type { Scene, Source, Title } from './recorder.ts';
import { isSafe } from './safety.ts';

/** A recorded file read back: how it was made, and every step after the base. */
export interface Script {
  readonly title: Title;
  readonly steps: readonly Step[];
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
  return () => steps.next().value;
}

/** The same without those that must not be run, or cannot, when it is their turn. */
export function safeSource(script: Pick<Script, 'steps'>): Source {
  const left = script.steps.values();
  return (scene) => {
    for (const step of left) if (canRun(scene, step)) return step;
    return undefined;
  };
}

const FORKED_MOST = 8;

/** True when the process is there to do it, and it harms nothing that the recording lives on. */
export function canRun(scene: Scene, { process, operation }: Step): boolean {
  const [name = '', argument] = operation.split(' ');
  const { processes } = scene;
  if (!processes.includes(process)) return false;
  if (name === 'exit') return process !== 0;
  if (name === 'fork') {
    return processes.length < FORKED_MOST && !processes.includes(Number(argument));
  }
  return isSafe(operation, scene.vmas(process));
}
