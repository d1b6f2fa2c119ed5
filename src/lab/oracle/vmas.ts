/** One mapping as /proc/PID/smaps tells it; addresses in bytes, end exclusive. */
export interface SmapsVma {
  readonly start: bigint;
  readonly end: bigint;
  readonly perms: string;
  readonly offset: bigint;
  readonly dev: string;
  readonly inode: number;
  readonly path: string;
  /** Two-letter codes, one space between; empty when the text was `maps`. */
  readonly vmFlags: string;
  readonly anonymousKb: number;
  readonly lockedKb: number;
  readonly rssKb: number;
}

type Fields = { -readonly [K in keyof SmapsVma]: SmapsVma[K] };

const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) (\S+) (\d+) *(.*)$/;

/** Parses the text of smaps, or of maps (then without flags and sizes). */
export function parseSmaps(text: string): SmapsVma[] {
  const vmas: Fields[] = [];
  for (const line of text.split('\n')) {
    const header = HEADER.exec(line);
    const last = vmas.at(-1);
    if (header !== null) vmas.push(fromHeader(header));
    else if (last !== undefined) readField(last, line);
  }
  return vmas;
}

function fromHeader(header: RegExpExecArray): Fields {
  const [, start = '', end = '', perms = '', offset = '', dev = '', inode = '', path = ''] = header;
  return {
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    perms,
    offset: BigInt(`0x${offset}`),
    dev,
    inode: Number(inode),
    path,
    vmFlags: '',
    anonymousKb: 0,
    lockedKb: 0,
    rssKb: 0,
  };
}

function readField(vma: Fields, line: string): void {
  const colon = line.indexOf(':');
  const value = line.slice(colon + 1).trim();
  const name = line.slice(0, colon);
  if (name === 'VmFlags') vma.vmFlags = value;
  else if (name === 'Anonymous') vma.anonymousKb = Number.parseInt(value, 10);
  else if (name === 'Locked') vma.lockedKb = Number.parseInt(value, 10);
  else if (name === 'Rss') vma.rssKb = Number.parseInt(value, 10);
}

const TOTALS = ['VmSize', 'VmLck', 'VmData', 'VmStk'];

/** The totals of an address space in kB, from the text of /proc/PID/status. */
export function totalsOf(status: string): number[] {
  return TOTALS.map((name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'mu').exec(status)?.[1]));
}
