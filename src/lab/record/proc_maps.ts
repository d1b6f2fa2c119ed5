/** What /proc shows of a process that is held up. */
import { readFileSync } from 'node:fs';

export interface ShownMaps {
  /** The leader of the thread. */
  readonly pid: number;
  readonly maps: string;
}

/** @returns null when the process is gone, or must not be looked at. */
export function readMaps(tid: number): ShownMaps | null {
  const pid = /^Tgid:\s+(\d+)$/mu.exec(read(tid, 'status'))?.[1];
  const maps = read(tid, 'maps');
  return pid === undefined || maps === '' ? null : { pid: Number(pid), maps };
}

/** @returns smaps, reduced; empty when there is nothing to read any more. */
export const readSmaps = (tid: number): string => reduceSmaps(read(tid, 'smaps'));

function read(tid: number, file: string): string {
  try {
    return readFileSync(`/proc/${tid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

const HEADER = /^[0-9a-f]+-[0-9a-f]+ /u;
const KEPT = /^(?:Rss|Anonymous|VmFlags):/u;

/** @returns the ranges, Rss, Anonymous and VmFlags of the text of smaps. */
export function reduceSmaps(smaps: string): string {
  const lines = smaps.split('\n').filter((line) => HEADER.test(line) || KEPT.test(line));
  return lines.map((line) => `${line}\n`).join('');
}
