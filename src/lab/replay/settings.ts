/** Calls that change what a process may map, and not what it has mapped. */
import type { Program } from './program.ts';
import type { Limit, MemoryCall } from '../strace/memory_call.ts';
import type { Word } from '../strace/record.ts';

/** Asks for the personality without setting one. */
const PERSONALITY_QUERY = 0xffffffff;

/** Applies a call that succeeded; of limits also what the kernel said they were. */
export function applySetting(program: Program, call: MemoryCall): void {
  const { process } = program;
  if (call.name === 'personality') {
    if (call.persona !== PERSONALITY_QUERY) setPersonality(program, Number(call.persona) | 0);
    return;
  }
  if (call.name !== 'prlimit64' && call.name !== 'setrlimit' && call.name !== 'getrlimit') return;
  const limit = call.newLimit ?? call.oldLimit;
  if (limit !== null && call.pid === 0) process.setRlimit(call.resource, rlimitOf(limit));
}

export function setPersonality(program: Program, persona: number): void {
  program.personality = persona;
  const all = new Set([program.process, ...program.threads.values()]);
  for (const process of all) process.setPersonality(persona);
}

function rlimitOf({ cur, max }: Limit): { soft: number; hard: number } {
  const hard = bytesOf(max);
  return { soft: Math.min(bytesOf(cur), hard), hard };
}

const bytesOf = (value: Word): number =>
  typeof value === 'bigint' || value < 0 ? Infinity : value;
