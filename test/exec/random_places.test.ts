/**
 * Where exec puts things at random: many programs started by the live kernel and by us have the
 * same order, the same alignment, and places spread over the same ranges.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ADDR_COMPAT_LAYOUT,
  ADDR_NO_RANDOMIZE,
  Machine,
  type MachineOptions,
} from '../../src/index.ts';
import { isRoot } from '../twin.ts';
import { ExecProbe } from '../../src/lab/oracle/exec_probe.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { load, makeElf } from './elf_maker.ts';
import { startMachine, type Told, tellOurs, tellTheirs } from './exec_twin.ts';

const reason = whyNotLive();
const SEED = Number(env['SEED'] ?? 1);
const SAMPLES = 150;
/** Of 150 samples none in the first or last tenth: about once in ten million. */
const TOLERANCE = 0.1;
const PAGE = 4096;

/** How the live kernel is set. Its bits are told to root only: then they are as in any kernel. */
const theirSettings = () => ({
  mmap_rnd_bits: isRoot() ? Number(readFileSync('/proc/sys/vm/mmap_rnd_bits', 'latin1')) : 28,
  randomize_va_space: Number(readFileSync('/proc/sys/kernel/randomize_va_space', 'latin1')),
});

/** Distances, in bytes, that say where everything is. */
type Places = Readonly<Record<string, number>>;

function placesIn(told: Told): Places {
  const lines = told.maps.split('\n').filter((line) => /^[0-9a-f]+-/u.test(line));
  const ends = lines.map(
    (line) =>
      line
        .split(' ')[0]
        ?.split('-')
        .map((word) => Number.parseInt(word, 16)) ?? [],
  );
  const rangeOf = (name: string): number[] =>
    ends[lines.findIndex((line) => line.endsWith(name))] ?? [];
  const number = (text: string, name: string): number =>
    Number.parseInt(new RegExp(`${name} ([0-9a-f]+)`, 'u').exec(text)?.[1] ?? '', 16);
  const [, stackEnd = 0] = rangeOf('[stack]');
  const [vvar = 0] = rangeOf('[vvar]');
  const [program = 0] = rangeOf('/program');
  const top = Math.max(...ends.filter(([, end]) => end !== stackEnd).map(([, end = 0]) => end));
  const argStart = number(told.marks, 'argStart');
  return {
    stackEnd,
    program,
    top,
    belowTop: top - vvar,
    brk: number(told.marks, 'startBrk'),
    brkGap: number(told.marks, 'startBrk') - number(told.marks, 'endData'),
    strings: stackEnd - argStart,
    tables: argStart - number(told.result, 'sp'),
  };
}

interface Spread {
  readonly min: number;
  readonly max: number;
  /** The largest power of two, up to 64 KiB, that all are multiples of. */
  readonly align: number;
}

function spreadsOf(samples: readonly Places[]): Record<string, Spread> {
  const names = Object.keys(samples[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, spreadOf(samples.map((one) => one[name] ?? NaN))]),
  );
}

function spreadOf(values: readonly number[]): Spread {
  let align = 65_536;
  while (values.some((value) => value % align !== 0)) align /= 2;
  return { min: Math.min(...values), max: Math.max(...values), align };
}

const loads = [
  load({ vaddr: 0n, filesz: 0x900n }),
  load({ vaddr: 0x2000n, offset: 0x1000n, flags: 6, filesz: 0x800n, memsz: 0x3000n }),
];

describe.skipIf(reason !== undefined)(
  `places at random${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let probe: ExecProbe;
    const folder = mkdtempSync(join(tmpdir(), 'vmaspace-exec-'));

    beforeAll(() => {
      probe = new ExecProbe();
      for (const kind of ['fixed', 'loaded', 'static']) rmSync(join(folder, kind), { force: true });
      writeFileSync(
        join(folder, 'loader'),
        makeElf({ type: 3, entry: 0x100n, size: 0x3000, phdrs: loads }),
        { mode: 0o755 },
      );
    });

    afterAll(() => {
      probe.stop();
      rmSync(folder, { recursive: true });
    });

    function writeProgram(kind: string): string {
      const path = join(folder, 'program');
      const loader = join(folder, 'loader');
      const base = kind === 'fixed' ? 0x400000n : 0n;
      const moved = loads.map((one) => load({ ...one, vaddr: one.vaddr + base }));
      const interp = load({
        type: 3,
        offset: 0x800n,
        vaddr: 0n,
        filesz: BigInt(loader.length + 1),
      });
      const phdrs = kind === 'loaded' ? [interp, ...moved] : moved;
      const strings = [{ at: 0x800, text: `${loader}\0` }];
      rmSync(path, { force: true });
      writeFileSync(
        path,
        makeElf({
          type: kind === 'fixed' ? 2 : 3,
          entry: base + 0x100n,
          size: 0x3000,
          phdrs,
          strings,
        }),
        { mode: 0o755 },
      );
      return path;
    }

    function theirPlaces(path: string, persona: number): Places[] {
      const call = {
        path,
        argv: ['x'],
        envp: [],
        prepare: (child: { call(name: 'personality', bits: number): unknown }) =>
          void child.call('personality', persona),
      };
      return Array.from({ length: SAMPLES }, () => placesIn(probe.run(call, tellTheirs)));
    }

    function ourPlaces(path: string, persona: number, options: MachineOptions = {}): Places[] {
      const machine = startMachine({ seed: SEED, ...options });
      const places = Array.from({ length: SAMPLES }, () => {
        const process = machine.spawn();
        process.setPersonality(persona);
        const told = tellOurs(process, { path, argv: ['x'], envp: [] });
        process.exit();
        return placesIn(told);
      });
      machine.tearDown();
      return places;
    }

    it.each([
      ['loaded', 0],
      ['fixed', 0],
      ['static', 0],
      ['loaded', ADDR_COMPAT_LAYOUT],
      ['static', ADDR_COMPAT_LAYOUT],
    ])('X-16 exec: a program of kind %s under personality %i', (kind, persona) => {
      const path = writeProgram(kind);
      const theirs = spreadsOf(theirPlaces(path, persona));
      const ours = spreadsOf(ourPlaces(path, persona, { sysctl: theirSettings() }));
      expect(Object.keys(ours)).toEqual(Object.keys(theirs));
      for (const [name, { min, max, align }] of Object.entries(theirs)) {
        const near = TOLERANCE * (max - min);
        const told = `${name} SEED=${SEED} ${JSON.stringify({ ours: ours[name], theirs: theirs[name] })}`;
        expect(Math.abs((ours[name]?.min ?? NaN) - min), told).toBeLessThanOrEqual(near);
        expect(Math.abs((ours[name]?.max ?? NaN) - max), told).toBeLessThanOrEqual(near);
        expect(ours[name]?.align, told).toBe(align);
      }
    });

    it('X-16 exec: randomize_va_space says what is put at random: 0 nothing, 1 all but the heap', () => {
      const path = writeProgram('loaded');
      const still = ourPlaces(path, ADDR_NO_RANDOMIZE)[0];
      for (const place of ourPlaces(path, 0, { sysctl: { randomize_va_space: 0 } })) {
        expect(place).toEqual(still);
      }
      const one = spreadsOf(ourPlaces(path, 0, { sysctl: { randomize_va_space: 1 } }));
      expect(one['brkGap']).toEqual({ ...one['brkGap'], min: one['brkGap']?.max });
      expect((one['top']?.max ?? 0) - (one['top']?.min ?? 0)).toBeGreaterThan(2 ** 39);
      const fewer = spreadsOf(ourPlaces(path, 0, { sysctl: { mmap_rnd_bits: 8 } }));
      expect((fewer['top']?.max ?? 0) - (fewer['top']?.min ?? 0)).toBeLessThan(256 * PAGE);
    });

    it('X-16 exec: the same seed gives the same places, another seed others', () => {
      const path = writeProgram('loaded');
      const first = ourPlaces(path, 0, { seed: 7 });
      expect(ourPlaces(path, 0, { seed: 7 })).toEqual(first);
      expect(ourPlaces(path, 0, { seed: 8 })).not.toEqual(first);
      expect(new Set(first.map(({ program }) => program)).size).toBe(SAMPLES);
    });
  },
);

describe('Machine.create({ seed })', () => {
  it.each([-1, 1.5, 2 ** 53, NaN])('refuses %d', (seed) => {
    expect(() => Machine.create({ seed })).toThrow(RangeError);
  });
});
