/** Programs of this machine, executed by the live kernel and by us: line by line the same. */
import { existsSync } from 'node:fs';
import { execPath as nodePath } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDR_NO_RANDOMIZE } from '../../src/index.ts';
import { ExecProbe } from '../../src/lab/oracle/exec_probe.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { startOurs, tellOurs, tellTheirs, type Told } from './exec_twin.ts';

const reason = whyNotLive();
const NAMES = ['/bin/true', '/bin/bash', '/usr/bin/perl', '/usr/bin/python3', nodePath];

function ourTold(path: string, argv: readonly string[], envp: readonly string[]): Told {
  const ours = startOurs({ ramBytes: 512 * 2 ** 20 });
  ours.process.setPersonality(ADDR_NO_RANDOMIZE);
  const told = tellOurs(ours, { path, argv, envp });
  ours.process.exit();
  ours.machine.tearDown();
  return told;
}

describe.skipIf(reason !== undefined)(
  `real programs${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let probe: ExecProbe;
    beforeAll(() => {
      probe = new ExecProbe();
    });
    afterAll(() => probe.stop());

    it.each(NAMES.filter((path) => existsSync(path)))('X-16 exec: %s', (path) => {
      const call = { path, argv: [path, '--version', ''], envp: ['A=1', 'PATH=/bin:/usr/bin'] };
      const theirs = probe.run(call, tellTheirs);
      expect(ourTold(path, call.argv, call.envp)).toEqual(theirs);
    });
  },
);
