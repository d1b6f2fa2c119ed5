/** How the options of `vmaspace check` are read. */
import { PROTOCOL_AXES, type Protocol } from '../index.ts';
import type { ExploreOptions } from '../lab/check/explore.ts';
import { UsageError } from './exit.ts';

const STRATEGIES = ['dpor', 'states', 'all', 'random', 'pct'] as const;

export function strategy(text: string): (typeof STRATEGIES)[number] {
  const found = STRATEGIES.find((name) => name === text);
  if (found !== undefined) return found;
  throw new UsageError(`--strategy is one of ${STRATEGIES.join(', ')}, not "${text}".`);
}

/** 'vmaLock=rwsem,munmap=two-step'. */
export function protocol(text: string): Partial<Protocol> {
  const pairs = text.split(',').map((pair): [string, string] => {
    const [axis = '', value = ''] = pair.split('=');
    const values = PROTOCOL_AXES[axis as keyof Protocol] as readonly string[] | undefined;
    if (values?.includes(value) === true) return [axis, value];
    const known =
      values === undefined
        ? `the axes are ${Object.keys(PROTOCOL_AXES).join(', ')}`
        : `${axis} is one of ${values.join(', ')}`;
    throw new UsageError(`--protocol takes AXIS=VALUE, with commas, not "${pair}": ${known}.`);
  });
  return Object.fromEntries(pairs);
}

/** '100000', '30s'. */
export function budget(text: string): Pick<ExploreOptions, 'executions' | 'seconds'> {
  const [, number = '', unit = ''] = /^(\d{1,12})(s?)$/u.exec(text) ?? [];
  if (number === '' || Number(number) === 0) {
    throw new UsageError(`--budget takes executions, or seconds as 30s, not "${text}".`);
  }
  return unit === 's' ? { seconds: Number(number) } : { executions: Number(number) };
}

/** '1/4': the first of four. */
export function shard(text: string): NonNullable<ExploreOptions['shard']> {
  const [, index = '0', of = '0'] = /^(\d{1,4})\/(\d{1,4})$/u.exec(text) ?? [];
  if (Number(index) >= 1 && Number(index) <= Number(of)) {
    return { index: Number(index) - 1, of: Number(of) };
  }
  throw new UsageError(`--shard takes the part and how many there are, as 1/4, not "${text}".`);
}
