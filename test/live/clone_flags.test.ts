/**
 * Random flags of clone and clone3, refused or not by the live kernel and by ours. A thread-local
 * area outside the address space makes the kernel refuse with EPERM whatever it would have made.
 */
import { expect, it } from 'vitest';
import { EINVAL, EPERM, Machine } from '../../src/index.ts';
import { Kernel } from '../../src/lab/oracle/kernel.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { Random } from '../../src/lab/oracle/random.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 3000);
const reason = whyNotLive();

const CLONE_SETTLS = 0x80000;
const NO_PLACE = 2n ** 64n - 1n;
/** CLONE_*: what is not about namespaces, of which ours has only one each. */
const BITS = [0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x40000].concat([
  0x100000, 0x200000, 0x400000, 0x800000, 0x1000000, 0x80000000,
]);
/** Of clone3 alone; the last two are none. */
const HIGH_BITS = [0x100000000, 0x400000000, 0x800000000];

it.skipIf(reason !== undefined)(
  `clone() and clone3() refuse the same flags; SEED=${SEED} RUNS=${RUNS}`,
  () => {
    const random = new Random(SEED);
    const kernel = Kernel.start();
    const machine = Machine.create({ bytes: 16 * 2 ** 20 });
    const parent = machine.spawn();
    const refused = { clone: 0, clone3: 0 };
    for (let i = 0; i < RUNS; i++) {
      let flags = CLONE_SETTLS;
      const density = random.pick([0.1, 0.3, 0.7]);
      for (const bit of BITS) if (random.chance(density)) flags += bit;
      if (random.chance(0.1)) flags += random.pick(HIGH_BITS);
      const signal = random.pick([0, 0, 17, 17, 64, 65, 255]);
      const isClone3 = random.chance(0.5);
      const [theirs, made] = isClone3
        ? [kernel.call('clone3', args3(kernel, flags, signal), 88), parent.clone3(flags, signal)]
        : [kernel.call('clone', flags + signal, 0, 0, 0, NO_PLACE), parent.clone(flags + signal)];
      const ours = typeof made === 'number' ? made : EPERM;
      if (typeof made !== 'number') made.exit();
      const call = `${isClone3 ? 'clone3' : 'clone'} ${flags.toString(16)} ${signal}`;
      expect(`${call} = ${ours}`).toBe(`${call} = ${Number(theirs)}`);
      if (ours === EINVAL) refused[isClone3 ? 'clone3' : 'clone']++;
    }
    expect(Math.min(refused.clone, refused.clone3)).toBeGreaterThan(RUNS / 20);
    kernel.stop();
    machine.detach();
  },
);

/** struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, ... */
function args3(kernel: Kernel, flags: number, signal: number): number {
  const [pidfd, parentTid] = [
    kernel.poke(256, new Uint8Array(8)),
    kernel.poke(264, new Uint8Array(8)),
  ];
  const words = [flags, pidfd, parentTid, parentTid, signal, 0, 0].map(BigInt);
  return kernel.poke(
    0,
    new Uint8Array(new BigUint64Array([...words, NO_PLACE, 0n, 0n, 0n]).buffer),
  );
}
