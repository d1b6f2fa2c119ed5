import { it } from 'vitest';
import { NULL } from '../../engine/arena/ref.ts';
import { mtreeLoad } from '../../engine/maple/maple.ts';
import { mmMt } from '../../engine/mm/mm_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../../engine/rcu/rcu.ts';
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, type Machine, type Protocol } from '../../index.ts';
import { mmOf } from '../../../test/pictures.ts';
import { Dpor } from '../check/dpor.ts';
import { searchThrough } from '../check/explore.ts';
import { HappensBefore } from '../check/happens_before.ts';
import { stageOf } from '../check/scenario.ts';
import { engineStage } from './engine_stage.ts';

const AT = 0x200000000000;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

function gap(munmap: Protocol['munmap']) {
  return {
    name: 'gap',
    protocol: { munmap },
    setup(machine: Machine) {
      const process = machine.spawn();
      process.mmap(AT, 3 * 4096, 1, FIXED, -1, 0);
      process.mmap(AT, 3 * 4096, 3, FIXED, -1, 0);
      process.mmap(AT, 3 * 4096, 1, FIXED, -1, 0);
      return { machine, process, mm: mmOf(process) };
    },
    threads: {
      mapper: [
        {
          name: 'mmap(MAP_FIXED)',
          run: ({ process }: any) => process.mmap(AT, 3 * 4096, 3, FIXED, -1, 0),
        },
      ],
      walker: [
        {
          name: 'lookup',
          run({ mm }: any) {
            rcuReadLock();
            const found = mtreeLoad(mmMt(mm), AT);
            rcuReadUnlock();
            return found !== NULL;
          },
        },
      ],
    },
    final: (_state: unknown, results: Record<string, readonly unknown[]>) =>
      results['walker']?.[0] === true ? null : 'the walker found a gap',
  };
}

it.each(['gather', 'two-step'] as const)('%s', (munmap) => {
  const engine = engineStage(gap(munmap) as never);
  const stage = stageOf(engine.scenario);
  const t = performance.now();
  const race = process.env['RACE'] ? [new HappensBefore(stage.threadNames, stage.nameOf)] : [];
  const executor = stage.executor({ witnesses: [...engine.witnesses(), ...race], maxSteps: 1e6 });
  const coverage = searchThrough(stage, executor, new Dpor(2), { executions: 1e5, seconds: 20 });
  engine.leave();
  console.log(munmap, coverage, executor.accesses, executor.repeated, performance.now() - t);
});
