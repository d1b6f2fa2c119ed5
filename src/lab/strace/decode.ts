import { Arguments } from './arguments.ts';
import { FILE_DECODERS } from './decode_file.ts';
import { MAP_DECODERS, POLICY_DECODERS, RANGE_DECODERS, SHM_DECODERS } from './decode_memory.ts';
import { PROCESS_DECODERS } from './decode_process.ts';
import type { MemoryCall } from './memory_call.ts';
import type { Call } from './record.ts';

const DECODERS = new Map<string, (a: Arguments) => MemoryCall>(
  [
    RANGE_DECODERS,
    MAP_DECODERS,
    POLICY_DECODERS,
    SHM_DECODERS,
    PROCESS_DECODERS,
    FILE_DECODERS,
  ].flatMap((table) => Object.entries(table)),
);

/** The calls decodeMemoryCall() knows: what to give the reader as `only`. */
export const MEMORY_CALLS: ReadonlySet<string> = new Set(DECODERS.keys());

/** Why a call could not be decoded, naming the argument. */
export interface Undecoded {
  readonly malformed: string;
}

/** @returns the call with numbers for arguments; null when its name is not among MEMORY_CALLS. */
export function decodeMemoryCall(call: Call): MemoryCall | Undecoded | null {
  const decoder = DECODERS.get(call.name);
  if (decoder === undefined) return null;

  const args = new Arguments(call);
  const decoded = decoder(args);
  return args.refusal === null ? decoded : { malformed: args.refusal };
}
