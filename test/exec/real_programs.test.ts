/**
 * Programs of this machine, executed by the live kernel and by us: line by line the same.
 *
 *   FOLDER=/usr/bin npx vitest run test/exec/real_programs.test.ts      every file in it
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDR_NO_RANDOMIZE, type Machine } from '../../src/index.ts';
import { ExecProbe } from '../../src/lab/oracle/exec_probe.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { startMachine, tellOurs, tellTheirs } from './exec_twin.ts';

const reason = whyNotLive();
const FOLDER = env['FOLDER'];
/** With a loader; on many systems one at a place of its own, a static one and a script, too. */
const USUAL = [
  '/bin/true',
  '/bin/bash',
  '/usr/bin/perl',
  '/usr/bin/python3',
  '/sbin/ldconfig',
  '/usr/bin/ldd',
  execPath,
];
/** One with another user's rights is put at random, whatever is asked. */
const isPlaced = (path: string): boolean =>
  ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0o6000) & 0o6000) === 0;

const NAMES = FOLDER === undefined ? USUAL : readdirSync(FOLDER).map((name) => join(FOLDER, name));

describe.skipIf(reason !== undefined)(
  `real programs${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let probe: ExecProbe;
    let machine: Machine;

    beforeAll(() => {
      probe = new ExecProbe();
      machine = startMachine();
    });

    afterAll(() => {
      probe.stop();
      machine.tearDown();
    });

    it.each(NAMES.filter(isPlaced))('X-16 exec: %s', (path) => {
      const call = { path, argv: [path, '--version', ''], envp: ['A=1', 'PATH=/bin:/usr/bin'] };
      const theirs = probe.run(call, tellTheirs);
      const process = machine.spawn();
      process.setPersonality(ADDR_NO_RANDOMIZE);
      const ours = tellOurs(process, call);
      process.exit();
      expect(ours).toEqual(theirs);
    });
  },
);
