/** What a program may inherit, and what limits it: the live kernel and we agree on all of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ADDR_COMPAT_LAYOUT,
  ADDR_NO_RANDOMIZE,
  type Machine,
  MCL_CURRENT,
  MCL_FUTURE,
  MMAP_PAGE_ZERO,
  PR_MDWE_NO_INHERIT,
  PR_MDWE_REFUSE_EXEC_GAIN,
  type Process,
  READ_IMPLIES_EXEC,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_STACK,
} from '../../src/index.ts';
import { ExecProbe } from '../../src/lab/oracle/exec_probe.ts';
import type { Kernel } from '../../src/lab/oracle/kernel.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { load, makeElf } from './elf_maker.ts';
import { randomStrings, scriptText, stackLimit } from './random_strings.ts';
import { startMachine, type Told, tellOurs, tellTheirs } from './exec_twin.ts';

const reason = whyNotLive();
const SEED = Number(env['SEED'] ?? 1);
const RUNS = Number(env['RUNS'] ?? 100);
const SCRATCH = 4096;
const PT_GNU_STACK = 0x6474e551;
const PR_SET_MDWE = 65;
const PR_SET_MEMORY_MERGE = 67;
const KIB = 1024;
const MIB = 2 ** 20;
/** The oracle’s own. */
const STACK_HARD = 8 * MIB;

interface Condition {
  readonly name: string;
  readonly theirs: (child: Kernel) => void;
  readonly ours: (process: Process) => void;
}

const persona = (name: string, bits: number): Condition => ({
  name,
  theirs: (child) => child.call('personality', bits),
  ours: (process) => process.setPersonality(bits),
});

const limit = (resource: number, soft: number): Condition => ({
  name: `limit ${resource} at ${soft}`,
  theirs: (child) => {
    // The hard limit of the stack cannot be raised without a right.
    const hard = resource === RLIMIT_STACK ? BigInt(STACK_HARD) : 2n ** 64n - 1n;
    const words = new BigUint64Array([BigInt(soft), hard]);
    const at = child.poke(SCRATCH, new Uint8Array(words.buffer));
    expect(child.call('prlimit64', 0, resource, at, 0)).toBe(0);
  },
  ours: (process) => process.setRlimit(resource, { soft, hard: Infinity }),
});

const mdwe = (bits: number): Condition => ({
  name: `MDWE ${bits}`,
  theirs: (child) => child.call('prctl', PR_SET_MDWE, bits, 0, 0, 0),
  ours: (process) => process.setMdwe(bits),
});

const MERGE: Condition = {
  name: 'memory that KSM may merge',
  theirs: (child) => child.call('prctl', PR_SET_MEMORY_MERGE, 1, 0, 0, 0),
  ours: (process) => process.setMemoryMerge(true),
};

const LOCKED: Condition = {
  name: 'mlockall',
  theirs: (child) => child.call('mlockall', MCL_CURRENT | MCL_FUTURE),
  ours: (process) => process.mlockall(MCL_CURRENT | MCL_FUTURE),
};

const CONDITIONS: readonly Condition[] = [
  persona('nothing', ADDR_NO_RANDOMIZE),
  persona('the old layout', ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT),
  persona('READ_IMPLIES_EXEC', ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC),
  persona('MMAP_PAGE_ZERO', ADDR_NO_RANDOMIZE | MMAP_PAGE_ZERO),
  mdwe(PR_MDWE_REFUSE_EXEC_GAIN),
  mdwe(PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT),
  MERGE,
  LOCKED,
  ...[0, 1, 4096, 8192, 100_000, 132 * KIB, 140_000, 512 * KIB, 8 * MIB].map((soft) =>
    limit(RLIMIT_STACK, soft),
  ),
  ...[0, 64 * KIB, 140 * KIB, 200 * KIB, 1 * MIB].map((soft) => limit(RLIMIT_AS, soft)),
  ...[0, 4096, 8192, 20 * KIB].map((soft) => limit(RLIMIT_DATA, soft)),
];

const stack = (flags: number) =>
  load({ type: PT_GNU_STACK, flags, vaddr: 0n, filesz: 0n, align: 16n });
const data = (vaddr: bigint, flags = 6) =>
  load({ vaddr, offset: 0x1000n, flags, filesz: 0x800n, memsz: 0x3000n });
const name = (path: string) =>
  load({ type: 3, offset: 0x800n, vaddr: 0n, filesz: BigInt(path.length + 1), flags: 4 });

describe.skipIf(reason !== undefined)(
  `exec under conditions${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let probe: ExecProbe;
    let machine: Machine;
    const folder = mkdtempSync(join(tmpdir(), 'vmaspace-exec-'));
    const file = (base: string): string => join(folder, base);
    const put = (base: string, bytes: Uint8Array): void =>
      writeFileSync(file(base), bytes, { mode: 0o755 });

    beforeAll(() => {
      probe = new ExecProbe();
      machine = startMachine();
      const made = { entry: 0x400100n, size: 0x3000 };
      const text = load({ filesz: 0x900n });
      put('fixed', makeElf({ ...made, type: 2, phdrs: [text, data(0x402000n)] }));
      put('wx', makeElf({ ...made, type: 2, phdrs: [text, data(0x402000n, 7), stack(7)] }));
      put(
        'wxbss',
        makeElf({
          ...made,
          type: 2,
          phdrs: [text, load({ vaddr: 0x402000n, flags: 7, filesz: 0n, memsz: 0x2000n })],
        }),
      );
      put('xstack', makeElf({ ...made, type: 2, phdrs: [text, data(0x402000n), stack(7)] }));
      const free = [load({ vaddr: 0n, filesz: 0x900n }), data(0x2000n), stack(6)];
      put('pie', makeElf({ ...made, type: 3, entry: 0x100n, phdrs: free }));
      put('loader', makeElf({ ...made, type: 3, entry: 0x100n, phdrs: free }));
      const strings = [{ at: 0x800, text: `${file('loader')}\0` }];
      put(
        'loaded',
        makeElf({
          ...made,
          type: 3,
          entry: 0x100n,
          phdrs: [name(file('loader')), ...free],
          strings,
        }),
      );
    });

    afterAll(() => {
      probe.stop();
      rmSync(folder, { recursive: true });
      machine.tearDown();
    });

    interface Trial {
      readonly path: string;
      readonly argv?: readonly string[];
      readonly envp?: readonly string[];
      readonly conditions: readonly Condition[];
    }

    function both({ path, argv = ['program'], envp = ['A=b'], conditions }: Trial): [Told, Told] {
      const prepare = (child: Kernel): void => {
        for (const { theirs } of conditions) theirs(child);
      };
      const theirs = probe.run({ path, argv, envp, prepare }, tellTheirs);
      const process = machine.spawn();
      process.setPersonality(ADDR_NO_RANDOMIZE);
      for (const { ours } of conditions) ours(process);
      const told = tellOurs(process, { path, argv, envp });
      process.exit();
      return [told, theirs];
    }

    for (const condition of CONDITIONS) {
      it.each(['fixed', 'wx', 'wxbss', 'xstack', 'pie', 'loaded'])(
        `X-16 exec: ${condition.name}: %s`,
        (base) => {
          const [ours, theirs] = both({ path: file(base), conditions: [condition] });
          expect(ours).toEqual(theirs);
        },
      );
    }

    it(
      `X-16 exec: arguments of any length under any limit: SEED=${SEED} RUNS=${RUNS}`,
      { timeout: 600_000 },
      () => {
        const outcomes = new Set<string>();
        for (let i = 0; i < RUNS; i++) {
          const random = new Random(SEED + i, 'arguments');
          const trial = {
            path: file(random.pick(['fixed', 'pie', 'loaded'])),
            argv: randomStrings(random),
            envp: randomStrings(random),
            conditions: random.chance(0.6) ? [limit(RLIMIT_STACK, stackLimit(random))] : [],
          };
          const [ours, theirs] = both(trial);
          const told = `SEED=${SEED + i} RUNS=1 ${trial.conditions.map((one) => one.name).join()}`;
          expect(ours, told).toEqual(theirs);
          outcomes.add(theirs.result.split(' ')[0] ?? '');
        }
        if (RUNS > 50) expect([...outcomes].toSorted()).toEqual(['entry', 'errno', 'signal']);
      },
    );

    it(
      `X-16 exec: first lines of scripts at random: SEED=${SEED} RUNS=${RUNS}`,
      { timeout: 600_000 },
      () => {
        for (let i = 0; i < RUNS; i++) {
          const random = new Random(SEED + i, 'script');
          const text = scriptText(random, ['fixed', 'loaded', 'script', 'missing', 'a'].map(file));
          rmSync(file('script'), { force: true });
          put('script', Buffer.from(text, 'latin1'));
          const argv = random.pick([['x'], [], ['x', 'y z'], ['']]);
          const [ours, theirs] = both({ path: file('script'), argv, conditions: [] });
          expect(ours, `SEED=${SEED + i} RUNS=1 ${JSON.stringify(text)}`).toEqual(theirs);
        }
      },
    );

    it.each([1, 4, 5, 6, 7])('X-16 exec: scripts read by scripts, %i deep', (depth) => {
      for (let i = 0; i < depth; i++) {
        const reader = i === 0 ? file('fixed') : file(`deep${i - 1}`);
        put(`deep${i}`, Buffer.from(`#!${reader} -${i}\n`));
      }
      const [ours, theirs] = both({ path: file(`deep${depth - 1}`), conditions: [] });
      expect(ours).toEqual(theirs);
    });

    it('X-16 exec: a loader with an empty segment where no address is moves its own start', () => {
      const entry = 0x401100n;
      const beyond = load({ vaddr: -0x1000n, filesz: 0n, memsz: 0n });
      const phdrs = [load({ filesz: 0n, memsz: 0n }), beyond, load({ vaddr: 0x500000n })];
      put('odd', makeElf({ type: 2, entry, size: 0x3000, phdrs }));
      const strings = [{ at: 0x800, text: `${file('odd')}\0` }];
      const program = [name(file('odd')), load({ vaddr: 0x10000000n })];
      put('oddly', makeElf({ type: 2, entry, size: 0x3000, phdrs: program, strings }));
      const [ours, theirs] = both({ path: file('oddly'), conditions: [] });
      expect(ours).toEqual(theirs);
      expect(ours.result).toMatch(/^entry 400100 /u);
    });

    it('X-16 exec: what is no program: a directory, a device, nothing at all', () => {
      for (const path of [
        folder,
        '/dev/zero',
        '/dev/null',
        file('absent'),
        '',
        `${file('fixed')}/x`,
      ]) {
        const [ours, theirs] = both({ path, conditions: [] });
        expect(ours, path).toEqual(theirs);
      }
    });
  },
);
