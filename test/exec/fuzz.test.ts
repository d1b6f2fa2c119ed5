/**
 * Programs at random, executed by the live kernel and by us: the same errno, the same death, or the
 * same address space to the last flag. A run that fails prints the command that repeats it.
 *
 *   SEED=7 RUNS=5000 npx vitest run test/exec/fuzz.test.ts
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDR_NO_RANDOMIZE, type Machine } from '../../src/index.ts';
import { ExecProbe } from '../../src/lab/oracle/exec_probe.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { load, makeElf } from './elf_maker.ts';
import { startMachine, tellOurs, tellTheirs } from './exec_twin.ts';
import { randomElf } from './random_elf.ts';

const reason = whyNotLive();
const SEED = Number(env['SEED'] ?? 1);
const RUNS = Number(env['RUNS'] ?? 300);

describe.skipIf(reason !== undefined)(
  `random programs${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let probe: ExecProbe;
    let machine: Machine;
    const folder = mkdtempSync(join(tmpdir(), 'vmaspace-exec-'));
    const file = (name: string): string => join(folder, name);

    beforeAll(() => {
      probe = new ExecProbe();
      machine = startMachine();
      put('good', makeElf({ type: 3, entry: 0x80n, size: 0x3000, phdrs: GOOD_LOADER }));
      put('script', Buffer.from('#!/bin/true\n'));
      put('short', Buffer.from('\x7fELF'));
      put('empty', Buffer.alloc(0));
      mkdirSync(file('folder'));
    });

    afterAll(() => {
      probe.stop();
      rmSync(folder, { recursive: true });
      machine.tearDown();
    });

    function put(name: string, bytes: Buffer): void {
      rmSync(file(name), { force: true });
      writeFileSync(file(name), bytes, { mode: 0o755 });
    }

    /** Executes the program in both worlds. @returns what came of it, in a word. */
    function compare(told: string): string {
      const call = { path: file('program'), argv: ['program', 'one'], envp: ['A=b'] };
      const theirs = probe.run(call, tellTheirs);
      const process = machine.spawn();
      process.setPersonality(ADDR_NO_RANDOMIZE);
      const ours = tellOurs(process, call);
      process.exit();
      expect(ours, told).toEqual(theirs);
      return theirs.result.startsWith('entry') ? 'started' : theirs.result;
    }

    /** @param make puts a program, and tells what it is. */
    function compareAll(make: (random: Random) => string): void {
      const outcomes = new Map<string, number>();
      for (let i = 0; i < RUNS; i++) {
        const story = make(new Random(SEED + i));
        const kind = compare(`SEED=${SEED + i} RUNS=1\n${story}`);
        outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
      }
      if (env['RUNS'] !== undefined) console.log(outcomes);
      expect(outcomes.get('started') ?? 0).toBeGreaterThan(RUNS === 1 ? -1 : 0);
    }

    it(`X-16 exec: ${RUNS} random programs from seed ${SEED}`, { timeout: 3_600_000 }, () => {
      compareAll((random) => {
        const loader = randomElf(random, []);
        put('loader', loader.bytes);
        const program = randomElf(random, LOADERS.map(file));
        put('program', program.bytes);
        return `${program.story}\nloader ${loader.story}`;
      });
    });

    it(
      `X-16 exec: /bin/true, damaged ${RUNS} times from seed ${SEED}`,
      { timeout: 3_600_000 },
      () => {
        const whole = readFileSync('/bin/true');
        const headers = 64 + 56 * whole.readUInt16LE(56);
        compareAll((random) => {
          const bytes = Buffer.from(whole);
          const story = Array.from({ length: 1 + random.below(3) }, () => {
            const at = random.below(headers);
            const byte = random.pick([
              0,
              0xff,
              random.below(256),
              (bytes[at] ?? 0) ^ (1 << random.below(8)),
            ]);
            bytes[at] = byte;
            return `byte ${at} = ${byte}`;
          });
          const length = random.chance(0.1) ? random.below(whole.length) : whole.length;
          put('program', bytes.subarray(0, length));
          return `${story.join()}, ${length} bytes`;
        });
      },
    );
  },
);

const LOADERS = [
  'loader',
  'loader',
  'loader',
  'good',
  'good',
  'missing',
  'folder',
  'script',
  'short',
  'empty',
];
const GOOD_LOADER = [
  load({ vaddr: 0n, flags: 5 }),
  load({ vaddr: 0x2f00n, offset: 0x1f00n, flags: 6, filesz: 0x200n, memsz: 0x2000n }),
];
