import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { whyNotLive } from '../oracle/live_kernel.ts';
import { align } from './alignment.ts';
import { builtInScenarios } from './built_in.ts';
import { compareEvents } from './comparison.ts';
import { foldLocks, type Lock, type Store } from './event.ts';
import { parseKernelEvents } from './kernel_events.ts';
import { Ranges } from './ranges.ts';
import { reasonFor, REASONS } from './reasons.ts';
import { documentOf, eventsText } from './report.ts';
import { parseScenarioFile } from './scenario.ts';
import { CannotTrace, Tracing } from './tracing.ts';

const lock = (kind: Lock['kind'], way: 'read' | 'write'): Lock => ({
  kind,
  write: way === 'write',
  mm: 0,
  faultAt: null,
});
const store = (start: number, end: number, what: 'vma' | 'hole' = 'vma'): Store => ({
  kind: 'store',
  start,
  end,
  isHole: what === 'hole',
  mm: 0,
  how: [],
});

/** A line as the kernel prints it. */
const line = (text: string, tid = 7): string =>
  `          oracle-${tid}    [001] .....  3273.000001: ${text}`;
const START = line('mmap_lock_start_locking: mm=00000000aa memcg_id=1 write=true');
const GOT = line('mmap_lock_acquire_returned: mm=00000000aa memcg_id=1 write=true success=true');
const RELEASED = line('mmap_lock_released: mm=00000000aa memcg_id=1 write=true');
const READ = [
  line('mmap_lock_start_locking: mm=00000000aa memcg_id=1 write=false'),
  line('mmap_lock_acquire_returned: mm=00000000aa memcg_id=1 write=false success=true'),
  line('mmap_lock_released: mm=00000000aa memcg_id=1 write=false'),
];
const NODE = 'Node 00000000c1 (0 18446744073709551615)';
const ma = (name: string, range: string, val: string): string =>
  line(`ma_write: ${name}\t${NODE} range:${range} piv (0) val ${val}`);
const op = (name: string, range: string): string =>
  line(`ma_op: ${name}\tNode: 00000000c1 (0 99) range: ${range}`);

const kinds = (lines: readonly string[]): string[] =>
  parseKernelEvents(lines, () => false).events.map((event) =>
    event.kind === 'store'
      ? `${event.isHole ? 'hole' : 'store'} ${event.start}-${event.end} ${event.how.join(' ')}`
      : event.kind,
  );

describe('lines of the kernel', () => {
  it('that tell of one store are one event', () => {
    const lines = [
      START,
      GOT,
      ma('mas_store_prealloc', '4096-8191', '00000000f1'),
      ma('mas_wr_bnode', '4096-8191', '00000000f1'),
      op('mas_split', '4096-8191'),
      ma('mas_store_prealloc', '12288-16383', '00000000f2'),
      ma('mas_wr_node_store', '8192-20479', '0000000000'),
      RELEASED,
    ];
    expect(kinds(lines)).toEqual([
      'lock',
      'store 4096-8192 mas_store_prealloc mas_wr_bnode mas_split',
      'store 12288-16384 mas_store_prealloc',
      'hole 8192-20480 mas_wr_node_store',
      'unlock',
    ]);
  });

  it('that announce a store over several nodes belong to it', () => {
    const hole = [
      ma('mas_is_span_wr', '4096-8191', '0000000000'),
      op('mas_wr_spanning_store', '4096-8191'),
    ];
    const vma = [
      ma('mas_is_span_wr', '4096-8191', '00000000f1'),
      ma('mas_store_prealloc', '4096-8191', '00000000f1'),
      op('mas_wr_spanning_store', '4096-8191'),
    ];
    expect(kinds(hole)).toEqual(['hole 4096-8192 mas_is_span_wr mas_wr_spanning_store']);
    expect(kinds(vma)).toEqual([
      'store 4096-8192 mas_is_span_wr mas_store_prealloc mas_wr_spanning_store',
    ]);
  });

  it('of a lock that becomes one for reading', () => {
    expect(kinds([START, GOT, READ[1] ?? '', READ[2] ?? ''])).toEqual([
      'lock',
      'downgrade',
      'unlock',
    ]);
  });

  it('of what the process faults in memory of its own, inside a call, are left out', () => {
    const fault = line('page_fault_kernel: address=0x300000 ip=_copy_to_iter error_code=0x3');
    const own = parseKernelEvents([fault, ...READ, ...READ], (addr) => addr === 0x300000);
    expect(own.ownFaults).toBe(1);
    expect(own.events.map(({ kind }) => kind)).toEqual(['lock', 'unlock']);
  });

  it('that are lost stop the run', () => {
    expect(() => kinds(['CPU:1 [LOST 12 EVENTS]'])).toThrow('too small');
  });
});

describe('two lists', () => {
  it('are put beside each other where they agree', () => {
    const kernel = [lock('lock', 'write'), store(0, 8192), lock('unlock', 'write')];
    const engine = [
      lock('lock', 'write'),
      store(0, 8192),
      store(8192, 12288),
      lock('unlock', 'write'),
    ];
    const pairs = align(kernel, engine);
    expect(pairs.map(({ kernel: k, engine: e }) => [k?.kind, e?.kind])).toEqual([
      ['lock', 'lock'],
      ['store', 'store'],
      [undefined, 'store'],
      ['unlock', 'unlock'],
    ]);
  });

  it('a lock that another event comes between is not folded', () => {
    const events = [lock('start', 'write'), store(0, 4096), lock('acquired', 'write')];
    expect(foldLocks(events).map(({ kind }) => kind)).toEqual(['start', 'store', 'acquired']);
  });
});

describe('reasons', () => {
  const about = (pair: Parameters<typeof reasonFor>[0]['pair'], words: string, list = '') => {
    const ranges = new Ranges(
      list === ''
        ? []
        : list.split(' ').map((one) => {
            const [start = 0, end = 0] = one.split('-').map(Number);
            return { start, end };
          }),
    );
    const all = words.split(' ');
    const used = new Map<string, number>();
    return reasonFor({ call: all[0] ?? '', words: all, pair, ranges, secretEvents: 0, used })?.name;
  };

  it('explain a hole that the kernel does not tell of only where it is one VMA', () => {
    const pair = { kernel: null, engine: store(4096, 8192, 'hole') };
    expect(about(pair, 'munmap', '0-4096 4096-8192')).toBe('one-slot');
    expect(about(pair, 'munmap', '0-8192')).toBeUndefined();
    expect(about({ kernel: null, engine: store(4096, 8192) }, 'mmap', '4096-8192')).toBeUndefined();
  });

  it('explain a wider hole only where there is nothing beside it', () => {
    const pair = { kernel: store(0, 12288, 'hole'), engine: store(4096, 8192, 'hole') };
    expect(about(pair, 'munmap', '4096-8192')).toBe('wider-hole');
    expect(about(pair, 'munmap', '0-4096 4096-8192')).toBeUndefined();
  });

  it('leave a lock that only one side takes without one', () => {
    for (const way of ['read', 'write'] as const) {
      expect(about({ kernel: null, engine: lock('lock', way) }, 'munmap 0 1')).toBeUndefined();
      expect(about({ kernel: lock('lock', way), engine: null }, 'mmap 0 1')).toBeUndefined();
    }
    expect(about({ kernel: lock('lock', 'read'), engine: null }, 'ld 0 1')).toBeUndefined();
  });

  it('have names of their own, and are sentences', () => {
    const names = REASONS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { fact } of REASONS) expect(fact).toMatch(/^[A-Zmr].*\.$/u);
  });
});

describe('the report', () => {
  const row = { kernel: lock('lock', 'read'), engine: null, reason: null, agrees: false };
  const step = {
    process: 0,
    operation: 'munmap 0 1',
    text: 'munmap 0 1',
    rows: [row],
    ownFaults: 0,
  };
  const compared = [{ name: 'one', steps: [step], answers: [] }];

  it('calls a difference without a reason a finding', () => {
    expect(documentOf(compared, '6.18.44')).toMatchObject({
      ok: false,
      summary: { events: 1, agreed: 0, explained: 0, unexplained: 1 },
      findings: [{ kind: 'event', scenario: 'one', kernel: 'lock read', engine: '-' }],
    });
    expect(eventsText(compared, '6.18.44')).toContain('NO REASON');
  });

  it('calls another answer one, too', () => {
    const answer = {
      kind: 'result',
      line: 3,
      op: 'munmap 0 1',
      kernel: '0',
      engine: '-22',
    } as const;
    const answers = [{ name: 'one', steps: [], answers: [answer] }];
    expect(documentOf(answers, '6.18.44')).toMatchObject({
      ok: false,
      summary: { answersDiffer: 1 },
      findings: [{ kind: 'answer', kernel: '0', engine: '-22' }],
    });
    expect(documentOf(answers, '6.12.9')).toMatchObject({ ok: true, findings: [] });
  });
});

describe('files', () => {
  it('that are no scenarios are refused', () => {
    expect(() => parseScenarioFile('{"kind":"log"}', 'x')).toThrow('neither "header"');
  });
});

function whyNoTracing(): string | null {
  const reason = whyNotLive();
  if (reason !== undefined) return reason;
  try {
    new Tracing().close();
    return null;
  } catch (error) {
    if (error instanceof CannotTrace) return error.message;
    throw error;
  }
}

const reason = whyNoTracing();

describe.skipIf(reason !== null)(
  `beside the kernel's tracepoints${reason === null ? '' : ` (skipped: ${reason})`}`,
  () => {
    it('every difference of the built-in list has a reason, and nothing is left behind', () => {
      const tracing = new Tracing();
      try {
        const compared = builtInScenarios().map((one) => compareEvents(one, tracing));
        const document = documentOf(compared, '6.18.44');
        expect(document.findings).toEqual([]);
        expect(document.ok).toBe(true);
        expect(document.summary.agreed).toBeGreaterThan(150);
        expect(eventsText(compared, '6.18.44')).not.toContain('NO REASON');
      } finally {
        tracing.close();
      }
      const left = readdirSync('/sys/kernel/tracing/instances');
      expect(left).not.toContain(`vmaspace-${process.pid}`);
    });
  },
);
