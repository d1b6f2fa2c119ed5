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

/** First letters of the fields that are kept. */
const KEPT = 'RALV';
const DIGIT_9 = 0x39;
const LETTER_A = 0x61;

/** Parses the text of smaps, or of maps (then without flags and sizes). */
export function parseSmaps(text: string): SmapsVma[] {
  const vmas: Fields[] = [];
  for (let at = 0, end = 0; at < text.length; at = end + 1) {
    end = text.indexOf('\n', at);
    if (end === -1) end = text.length;
    const last = vmas.at(-1);
    if (isHeader(text.charCodeAt(at))) vmas.push(fromHeader(text.slice(at, end)));
    else if (last !== undefined && KEPT.includes(text.charAt(at))) {
      readField(last, text.slice(at, end));
    }
  }
  return vmas;
}

/** An address begins with a hexadecimal digit, a field with a capital. */
function isHeader(first: number): boolean {
  return first >= LETTER_A || (first <= DIGIT_9 && first > DIGIT_9 - 10);
}

function fromHeader(line: string): Fields {
  const words = line.split(' ', 5);
  const [range = '', perms = '', offset = '', dev = '', inode = ''] = words;
  const [start = '', end = ''] = range.split('-', 2);
  const path = line.slice(words.join(' ').length).trimStart();
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
