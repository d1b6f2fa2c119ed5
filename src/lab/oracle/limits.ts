/** The limits of a process that matter to its address space, as prlimit(2) tells and sets them. */
import type { Kernel } from './kernel.ts';

/** By the names that operations and headers use. Source: include/uapi/asm-generic/resource.h. */
export const RESOURCES = { AS: 9, DATA: 2, MEMLOCK: 8, NPROC: 6, STACK: 3 } as const;

/** @returns the resource that a word of an operation names, if it does. */
export function resourceOf(word: string): bigint | undefined {
  const resource = Object.entries(RESOURCES).find(([name]) => name === word)?.[1];
  return resource === undefined ? undefined : BigInt(resource);
}

const INFINITE = 2n ** 64n - 1n;
const NEW_AT = 0; // in the scratch area
const OLD_AT = 16;

/** Soft and hard limit in bytes; -1 is infinity. */
export type Limit = readonly [soft: number, hard: number];

/** The five limits of a process, by name. */
export function readLimits(kernel: Kernel): Readonly<Record<string, Limit>> {
  const entries = Object.entries(RESOURCES).map(([name, resource]): [string, Limit] => {
    const [soft, hard] = limitOf(kernel, BigInt(resource));
    return [name, [written(soft), written(hard)]];
  });
  return Object.fromEntries(entries);
}

/** Sets a soft limit and leaves the hard one. @returns what prlimit64() gave. */
export function setSoftLimit(kernel: Kernel, resource: bigint, soft: bigint): number {
  const limit = Buffer.alloc(16);
  limit.writeBigUInt64LE(soft, 0);
  limit.writeBigUInt64LE(limitOf(kernel, resource)[1], 8);
  return Number(kernel.call('prlimit64', 0, resource, kernel.poke(NEW_AT, limit), 0));
}

function limitOf(kernel: Kernel, resource: bigint): [soft: bigint, hard: bigint] {
  kernel.call('prlimit64', 0, resource, 0, kernel.poke(OLD_AT, Buffer.alloc(16)));
  const limit = kernel.peek(OLD_AT, 16);
  return [limit.readBigUInt64LE(0), limit.readBigUInt64LE(8)];
}

const written = (bytes: bigint): number => (bytes === INFINITE ? -1 : Number(bytes));
