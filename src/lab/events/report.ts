/** The comparison as one JSON document, and as a page that people read. */
import { isModelledKernel } from '../oracle/kernel_version.ts';
import type { ComparedScenario, ComparedStep, Row } from './comparison.ts';
import type { SpaceEvent } from './event.ts';
import { type About, REASONS } from './reasons.ts';
import { WINDOW } from './scenario.ts';

export const SCHEMA = 'vmaspace-events/1';

export interface EventsSummary {
  readonly scenarios: number;
  readonly operations: number;
  readonly events: number;
  readonly agreed: number;
  readonly explained: number;
  readonly unexplained: number;
  readonly answersDiffer: number;
}

interface EventsFinding {
  readonly kind: 'event' | 'answer';
  readonly scenario: string;
  readonly operation: string;
  readonly kernel: string;
  readonly engine: string;
}

const rowsIn = (scenarios: readonly ComparedScenario[]): Row[] =>
  scenarios.flatMap(({ steps }) => steps.flatMap(({ rows }) => rows));

export function summaryOf(scenarios: readonly ComparedScenario[]): EventsSummary {
  const rows = rowsIn(scenarios);
  const agreed = rows.filter(({ agrees }) => agrees).length;
  const explained = rows.filter(({ reason }) => reason !== null).length;
  return {
    scenarios: scenarios.length,
    operations: scenarios.reduce((sum, { steps }) => sum + steps.length, 0),
    events: rows.length,
    agreed,
    explained,
    unexplained: rows.length - agreed - explained,
    answersDiffer: scenarios.reduce((sum, { answers }) => sum + answers.length, 0),
  };
}

function findingsOf(scenarios: readonly ComparedScenario[]): EventsFinding[] {
  return scenarios.flatMap(({ name, steps, answers }) => [
    ...answers.map(({ op, kernel, engine }): EventsFinding => ({
      kind: 'answer',
      scenario: name,
      operation: op,
      kernel,
      engine,
    })),
    ...steps.flatMap(({ operation, rows }) =>
      rows
        .filter(({ agrees, reason }) => !agrees && reason === null)
        .map(({ kernel, engine }): EventsFinding => ({
          kind: 'event',
          scenario: name,
          operation,
          kernel: eventText(kernel),
          engine: eventText(engine),
        })),
    ),
  ]);
}

/** What a kernel other than 6.18 does otherwise is its own, and no finding. */
export function documentOf(scenarios: readonly ComparedScenario[], kernel: string) {
  const differences = findingsOf(scenarios);
  const isOurs = isModelledKernel(kernel);
  return {
    schema: SCHEMA,
    ok: differences.length === 0 || !isOurs,
    summary: summaryOf(scenarios),
    findings: isOurs ? differences : [],
    otherKernel: isOurs ? [] : differences,
    kernel,
    reasons: reasonCounts(scenarios),
    scenarios: scenarios.map(({ name, steps }) => ({ name, steps: steps.map(stepJson) })),
  };
}

const stepJson = ({ operation, process, rows, ownFaults }: ComparedStep) => ({
  operation,
  process,
  ownFaults,
  rows: rows.map(({ kernel, engine, agrees, reason }) => ({
    kernel: kernel === null ? null : eventText(kernel),
    how: kernel?.kind === 'store' ? kernel.how : [],
    engine: engine === null ? null : eventText(engine),
    agrees,
    reason: reason?.name ?? null,
  })),
});

function reasonCounts(scenarios: readonly ComparedScenario[]) {
  const rows = rowsIn(scenarios);
  return REASONS.map(({ name, about, fact }) => ({
    name,
    about,
    fact,
    count: rows.filter(({ reason }) => reason?.name === name).length,
  })).filter(({ count }) => count > 0);
}

/** @returns a page of Markdown: totals, every operation, and the reasons that were met. */
export function eventsText(scenarios: readonly ComparedScenario[], kernel: string): string {
  const { operations, events, agreed, explained, unexplained, answersDiffer } =
    summaryOf(scenarios);
  const lines = [
    '# What happens inside an operation, here and in the kernel',
    '',
    `Linux ${kernel}: ${operations} operations, ${events} events of \`mmap_lock\` and the tree.`,
    `${agreed} are the same on both sides, ${explained} differ for a known reason, ${unexplained} for none.`,
    'Each line is one event, in order: `=` on both sides; `!` on one, with the reason, or otherwise than',
    'on the other. Brackets say how the kernel changed its tree. W is a place where nothing was mapped.',
    ...(answersDiffer === 0 ? [] : [`${answersDiffer} answers differ.`]),
    ...(isModelledKernel(kernel)
      ? []
      : ['The engine is Linux 6.18: what differs is of this kernel.']),
    '',
    ...scenarios.flatMap(scenarioLines),
    ...reasonLines(scenarios),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function scenarioLines({ name, steps, answers }: ComparedScenario): string[] {
  return [
    `## ${name}`,
    '',
    '```',
    ...steps.flatMap(stepLines),
    '```',
    '',
    ...answers.flatMap(({ op, kernel, engine }) => [
      `The answers to \`${op}\` differ: kernel ${kernel}, engine ${engine}.`,
      '',
    ]),
  ];
}

const SIDE = 40;

function stepLines({ text, process, rows }: ComparedStep): string[] {
  const head = process === 0 ? text : `${process}: ${text}`;
  if (rows.length === 0) return [head, '    no lock, no store'];
  return [head, ...rows.map(rowText)];
}

function rowText({ kernel, engine, agrees, reason }: Row): string {
  const how = kernel?.kind === 'store' ? ` ${shortHow(kernel.how)}` : '';
  const left = `${eventText(kernel)}${how}`.padEnd(SIDE);
  if (agrees) return `  = ${left}`.trimEnd();
  return `  ! ${left} engine: ${eventText(engine).padEnd(24)} ${reason?.name ?? 'NO REASON'}`;
}

/** How a store was done, without what is the same in all words. */
function shortHow(how: readonly string[]): string {
  const kinds = how.filter((name) => !['mas_store_prealloc', 'mas_is_span_wr'].includes(name));
  const words = kinds.map((name) => name.replace(/^mas_(?:wr_)?/u, ''));
  return words.length === 0 ? '' : `(${words.join(', ')})`;
}

function eventText(event: SpaceEvent | null): string {
  if (event === null) return '-';
  const where = event.mm === 0 ? '' : ' child';
  if (event.kind !== 'store') {
    const way = event.kind === 'downgrade' ? '' : event.write ? ' write' : ' read';
    return `${event.kind}${way}${where}`;
  }
  const what = event.isHole ? 'hole' : 'store';
  return `${what} ${place(event.start)}-${place(event.end)}${where}`;
}

const PAGE = 4096;
const NEAR = 1024;

/** An address near the place of the built-in scenarios, as `W+2p`. */
function place(addr: number): string {
  const pages = (addr - WINDOW) / PAGE;
  if (!Number.isInteger(pages) || pages < 0 || pages > NEAR) return addr.toString(16);
  return pages === 0 ? 'W' : `W+${pages}p`;
}

const TITLES: Readonly<Record<About, string>> = {
  watching: 'because of how the kernel is watched',
  engine: 'because the engine does it another way, with the same result',
};

function reasonLines(scenarios: readonly ComparedScenario[]): string[] {
  const met = reasonCounts(scenarios);
  const lines: string[] = [];
  for (const about of ['watching', 'engine'] as const) {
    const rows = met.filter((reason) => reason.about === about);
    if (rows.length === 0) continue;
    lines.push(`## Differences ${TITLES[about]}`, '', '| reason | events | |', '|---|---|---|');
    lines.push(...rows.map(({ name, count, fact }) => `| \`${name}\` | ${count} | ${fact} |`), '');
  }
  return lines;
}
