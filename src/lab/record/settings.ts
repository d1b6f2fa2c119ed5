/** The settings of this machine that decide what the kernel answers. */
import { readFileSync } from 'node:fs';

/** Files of /proc/sys/vm whose names a replay knows too. */
const SYSCTLS = [
  'max_map_count',
  'mmap_min_addr',
  'overcommit_memory',
  'overcommit_ratio',
  'overcommit_kbytes',
  'admin_reserve_kbytes',
  'user_reserve_kbytes',
  'legacy_va_layout',
];
const KILOBYTES_A_PAGE = 4;

/** @returns them by the names that `vmaspace replay --set` takes; without what cannot be read. */
export function machineSettings(): Record<string, number> {
  const settings: Record<string, number> = {};
  for (const name of SYSCTLS) {
    const text = read(`/proc/sys/vm/${name}`);
    if (/^\d+\n$/u.test(text)) settings[name] = Number(text);
  }
  return { ...settings, ...memoryIn(read('/proc/meminfo')) };
}

function memoryIn(meminfo: string): Record<string, number> {
  const pages: Record<string, number> = {};
  const names = { totalram_pages: 'MemTotal', total_swap_pages: 'SwapTotal' };
  for (const [name, label] of Object.entries(names)) {
    const kilobytes = new RegExp(`^${label}:\\s+(\\d+) kB$`, 'mu').exec(meminfo)?.[1];
    if (kilobytes !== undefined) pages[name] = Math.floor(Number(kilobytes) / KILOBYTES_A_PAGE);
  }
  return pages;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
