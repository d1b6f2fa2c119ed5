/** What a replay found that is not as it should be. */

export type FindingKind =
  /** The engine answered a call differently from the kernel. */
  | 'result'
  /** The mappings at the end are not the recorded ones. */
  | 'map'
  /** Less is present at the end than the recorded page faults had made, or the other way round. */
  | 'pages'
  /** The engine does not claim to do the call. */
  | 'unmodelled'
  /** A line that is no strace output, or arguments that cannot be read. */
  | 'malformed'
  /** The log and the files beside it do not fit together. */
  | 'contradiction'
  /** A file beside the log cannot be used. */
  | 'recording'
  /** There is nothing to compare. */
  | 'nothing';

export interface Finding {
  readonly kind: FindingKind;
  readonly trace: string;
  readonly pid: number | null;
  readonly tid: number | null;
  readonly line: number | null;
  /** The call as the log has it. */
  readonly call: string | null;
  readonly recorded: string | null;
  readonly engine: string | null;
  /** One sentence. */
  readonly message: string;
  /** Lines around it: mappings near the address, or differing lines. */
  readonly context: readonly string[];
  /** The command that repeats it. */
  readonly repeat: string;
}

export type FindingParts = Partial<Omit<Finding, 'kind' | 'message' | 'trace' | 'repeat'>>;

const KEPT = 200;

/** Collects findings; beyond the first few of a kind only their number matters. */
export class Findings {
  readonly #trace: string;
  readonly list: Finding[] = [];
  readonly #counts = new Map<FindingKind, number>();

  constructor(trace: string) {
    this.#trace = trace;
  }

  add(kind: FindingKind, message: string, parts: FindingParts = {}): void {
    const count = this.count(kind) + 1;
    this.#counts.set(kind, count);
    if (count > KEPT) return;
    const line = parts.line ?? null;
    const until = line === null ? '' : ` --until ${line}`;
    this.list.push({
      kind,
      trace: this.#trace,
      pid: null,
      tid: null,
      call: null,
      recorded: null,
      engine: null,
      context: [],
      ...parts,
      line,
      message,
      repeat: `vmaspace replay ${quoted(this.#trace)}${until}`,
    });
  }

  count(kind: FindingKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Whether another finding of this kind would be kept: its context costs time. */
  wants(kind: FindingKind): boolean {
    return this.count(kind) < KEPT;
  }

  /** All there were, also those beyond the ones kept. */
  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }
}

const quoted = (trace: string): string =>
  /^[\w./:@%+=,-]+$/.test(trace) ? trace : `'${trace.replaceAll("'", `'\\''`)}'`;
