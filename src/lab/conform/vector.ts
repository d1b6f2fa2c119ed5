/**
 * A conformance vector: what a real kernel answered, operation by operation.
 * JSON lines: a header, a base record, then one record an operation.
 */

/** [start, end, perms, offset, backing, VmFlags, Anonymous kB, Locked kB], addresses in hex. */
export type VectorVma = readonly [string, string, string, string, string, string, number, number];

export type VectorLimit = readonly [soft: number, hard: number];

export interface VectorHeader {
  readonly kernel: string;
  readonly profile: string;
  readonly uid: number;
  readonly overcommit: number;
  readonly max_map_count: number;
  readonly mmap_min_addr: number;
  readonly thp: string;
  /** Soft and hard limits by name, -1 for infinity; absent in format 1. */
  readonly limits?: Readonly<Record<string, VectorLimit>>;
  /** What each file number is. */
  readonly files: readonly string[];
}

export interface VectorRecord {
  /** Line of the file, from 1. */
  readonly line: number;
  /** The process that made the call; 0 is the first. */
  readonly p: number;
  readonly op: string;
  /** The result: an address or a word in hex, or a number. */
  readonly r?: string | number;
  /** One entry a page that was touched. */
  readonly t?: readonly (string | number)[];
  /** Of mincore: a digit a page. */
  readonly v?: string;
  /** Of a sweep: the same for every readable mapping, by its start in hex. */
  readonly pages?: Readonly<Record<string, readonly (string | number)[]>>;
  /** Absent when nothing visible changed since this process's last record. */
  readonly vmas?: readonly VectorVma[];
  readonly same?: 1;
  /** Instead of "vmas" where there are many: how many, but for those of the base and the heap. */
  readonly n?: number;
  /** Of a repeat: how many of its turns succeeded. */
  readonly done?: number;
  /** Of the base record. */
  readonly brk?: string;
  /** Of the base record: where the program's data begins and ends, in hex. */
  readonly data?: readonly string[];
  /** VmSize, VmLck, VmData, VmStk in kB. */
  readonly totals?: readonly number[];
}

export interface Vector {
  readonly header: VectorHeader;
  readonly base: VectorRecord;
  readonly records: readonly VectorRecord[];
}

/** Input that is no vector: says where and what. */
export class VectorError extends Error {}

/** @throws VectorError with the line and what is wrong there. */
export function parseVector(text: string): Vector {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0)
    throw new VectorError('the file is empty; a vector begins with a header line');
  const header = parseHeader(lines[0] ?? '');
  const records = lines.slice(1).map((line, i) => recordOf(parseJson(line, i + 2), i + 2));
  const [base, ...operations] = records;
  if (base === undefined || base.op !== 'base' || base.vmas === undefined) {
    throw new VectorError('line 2: the base record with the first VMAs is missing');
  }
  return { header, base, records: operations };
}

/** @throws VectorError where the line is not a JSON object. */
export function parseJson(text: string, line: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new VectorError(`line ${line}: not a line of JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new VectorError(`line ${line}: not a JSON object`);
  }
  return { ...value };
}

function parseHeader(text: string): VectorHeader {
  const header = parseJson(text, 1);
  if (header['kind'] !== 'header') throw new VectorError('line 1: not the header of a vector');
  const { format } = header;
  if (format !== 1 && format !== 2) {
    const found = format === undefined ? 'missing' : JSON.stringify(format);
    throw new VectorError(`line 1: the format is ${found}, but only 1 and 2 can be read`);
  }
  return headerOf(header);
}

/** What a header says of the machine, whatever kind of file it begins. */
export function headerOf(header: Record<string, unknown>): VectorHeader {
  const { files, limits } = header;
  if (limits !== undefined && !isLimits(limits)) {
    throw new VectorError('line 1: "limits" is malformed');
  }
  if (!Array.isArray(files) || !files.every((file) => typeof file === 'string')) {
    throw new VectorError('line 1: the list of files is missing');
  }
  const number = (name: string, otherwise: number): number => {
    const value = header[name] ?? otherwise;
    if (typeof value !== 'number') throw new VectorError(`line 1: ${name} is not a number`);
    return value;
  };
  const word = (name: string): string => {
    const value = header[name] ?? '';
    return typeof value === 'string' ? value : '';
  };
  return {
    kernel: word('kernel'),
    profile: word('profile'),
    uid: number('uid', 0),
    overcommit: number('overcommit', 0),
    max_map_count: number('max_map_count', 65530),
    mmap_min_addr: number('mmap_min_addr', 65536),
    thp: word('thp'),
    files,
    ...(limits === undefined ? {} : { limits }),
  };
}

/** @throws VectorError where an object is no record. */
export function recordOf(record: Record<string, unknown>, line: number): VectorRecord {
  const { p, op, r, t, v, pages, vmas, same, n, done, brk, data, totals } = record;
  if (typeof p !== 'number' || typeof op !== 'string') {
    throw new VectorError(`line ${line}: a record needs a process "p" and an operation "op"`);
  }
  if (vmas !== undefined && !isVmas(vmas))
    throw new VectorError(`line ${line}: "vmas" is malformed`);
  if (pages !== undefined && !isPages(pages))
    throw new VectorError(`line ${line}: "pages" is malformed`);
  if (totals !== undefined && !isNumbers(totals))
    throw new VectorError(`line ${line}: "totals" is malformed`);
  const isResult = r === undefined || typeof r === 'string' || typeof r === 'number';
  if (!isResult) throw new VectorError(`line ${line}: "r" is neither a number nor a string`);
  return {
    line,
    p,
    op,
    ...(r === undefined ? {} : { r }),
    ...(Array.isArray(t)
      ? { t: t.map((entry) => (typeof entry === 'number' ? entry : String(entry))) }
      : {}),
    ...(pages === undefined ? {} : { pages }),
    ...(typeof v === 'string' ? { v } : {}),
    ...(vmas === undefined ? {} : { vmas }),
    ...(same === 1 ? { same } : {}),
    ...(typeof n === 'number' ? { n } : {}),
    ...(typeof done === 'number' ? { done } : {}),
    ...(typeof brk === 'string' ? { brk } : {}),
    ...(Array.isArray(data) ? { data: data.map(String) } : {}),
    ...(totals === undefined ? {} : { totals }),
  };
}

function isVmas(value: unknown): value is VectorVma[] {
  return Array.isArray(value) && value.every(isVma);
}

function isVma(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 8) return false;
  return value.every((field, i) => typeof field === (i < 6 ? 'string' : 'number'));
}

function isPages(value: unknown): value is Record<string, (string | number)[]> {
  return typeof value === 'object' && value !== null && Object.values(value).every(Array.isArray);
}

function isLimits(value: unknown): value is Record<string, VectorLimit> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((limit) => isNumbers(limit) && limit.length === 2);
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'number');
}
