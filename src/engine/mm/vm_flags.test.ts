import { describe, expect, it } from 'vitest';
import {
  commonFlags,
  flagsDiffer,
  flagsOf,
  hasFlag,
  VM_LOCKED,
  VM_MAYBE_GUARD,
  VM_MERGEABLE,
  VM_NONE,
  VM_PKEY_FLAGS,
  VM_READ,
  VM_SEALED,
  VM_STICKY,
  VM_WRITE,
  type VmFlags,
  vmFlagsFromNumber,
  withFlags,
  withoutFlags,
} from './vm_flags.ts';

const bits = Array.from({ length: 43 }, (_, bit) => bit);
const one = (bit: number): VmFlags => vmFlagsFromNumber(2 ** bit);
const ALL = flagsOf(...bits.map(one));

/** The same on bigints, which have as many bits as it takes. */
const big = (flags: VmFlags): bigint => BigInt(flags);

describe('X-20 flag sets', () => {
  it.each(bits)('X-20 flags: bit %i is set, tested and cleared alone', (bit) => {
    const flag = one(bit);
    expect(withFlags(VM_NONE, flag)).toBe(2 ** bit);
    expect(withFlags(flag, flag)).toBe(flag);
    expect(hasFlag(ALL, flag)).toBe(true);
    expect(hasFlag(VM_NONE, flag)).toBe(false);
    const rest = withoutFlags(ALL, flag);
    expect(big(rest)).toBe(big(ALL) - 2n ** BigInt(bit));
    expect(hasFlag(rest, flag)).toBe(false);
    expect(withFlags(rest, flag)).toBe(ALL);
    expect(commonFlags(ALL, flag)).toBe(flag);
    expect(commonFlags(rest, flag)).toBe(VM_NONE);
  });

  it('X-20 flags: every pair of bits, against bigint', () => {
    for (const a of bits) {
      for (const b of bits) {
        const pair = withFlags(one(a), one(b));
        expect(big(pair)).toBe(big(one(a)) | big(one(b)));
        expect(hasFlag(pair, one(b))).toBe(true);
        expect(big(withoutFlags(pair, one(b)))).toBe(big(pair) & ~big(one(b)));
        expect(big(commonFlags(pair, one(b)))).toBe(big(pair) & big(one(b)));
      }
    }
  });

  it('X-20 flags: random sets, against bigint', () => {
    let state = 1;
    const next = (): VmFlags => {
      state = (state * 48271) % 0x7fffffff;
      const high = state % 2 ** 11;
      state = (state * 48271) % 0x7fffffff;
      return vmFlagsFromNumber(high * 2 ** 32 + state * 2 + (high & 1));
    };
    for (let i = 0; i < 5000; i++) {
      const [a, b] = [next(), next()];
      expect(big(withFlags(a, b))).toBe(big(a) | big(b));
      expect(big(commonFlags(a, b))).toBe(big(a) & big(b));
      expect(big(withoutFlags(a, b))).toBe(big(a) & ~big(b));
      expect(hasFlag(a, b)).toBe((big(a) & big(b)) !== 0n);
      expect(flagsDiffer(a, b)).toBe(((big(a) ^ big(b)) & ~big(VM_STICKY)) !== 0n);
    }
  });

  it('X-20 flags: a set is never negative, though bit 31 is the sign of a word', () => {
    expect(withFlags(VM_MERGEABLE, VM_READ)).toBe(2 ** 31 + 1);
    expect(withoutFlags(withFlags(VM_MERGEABLE, VM_SEALED), VM_SEALED)).toBe(2 ** 31);
  });

  it('X-20 flags: a test for several is true for any', () => {
    expect(hasFlag(VM_SEALED, flagsOf(VM_READ, VM_SEALED))).toBe(true);
    expect(hasFlag(VM_READ, flagsOf(VM_READ, VM_SEALED))).toBe(true);
    expect(hasFlag(VM_LOCKED, flagsOf(VM_READ, VM_SEALED))).toBe(false);
    expect(hasFlag(VM_PKEY_FLAGS, VM_SEALED)).toBe(false);
  });

  it('X-20 flags: only what is sticky does not count as a difference', () => {
    expect(flagsDiffer(VM_READ, withFlags(VM_READ, VM_MAYBE_GUARD))).toBe(false);
    expect(flagsDiffer(VM_READ, withFlags(VM_READ, VM_WRITE))).toBe(true);
    expect(flagsDiffer(VM_READ, withFlags(VM_READ, VM_SEALED))).toBe(true);
  });
});
