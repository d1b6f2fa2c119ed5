/**
 * What has happened in a machine, as the text of /proc/vmstat: a name and a number in each line.
 *
 * The names are the kernel's where it has one. Those of the VMA lock are not there when there is no
 * such lock, as in a kernel without CONFIG_PER_VMA_LOCK.
 *
 * Source: mm/vmstat.c, vmstat_show(), v6.18.
 */
import { hasNoVmaLock } from '../mm/protocol.ts';
import { COUNTER_NAMES, counterSum } from '../trace/counters.ts';

export function vmstatText(): string {
  const lines = COUNTER_NAMES.map((name, i) => `${name} ${counterSum(i)}\n`);
  return lines.filter((line) => !hasNoVmaLock() || !line.startsWith('vma_lock_')).join('');
}
