/** The result of a replay as people like to read it. */
import { isOk, type ReplaySummary, summaryOf, totalOf } from './document.ts';
import type { Finding } from './findings.ts';
import { presentLines } from './present_text.ts';
import type { Program } from './program.ts';
import type { ReplayResult } from './replay.ts';

/** Paints text, or leaves it as it is. */
export type Paint = (
  style: 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan',
  text: string,
) => string;

/** Findings described; the others are counted. */
const SHOWN_FINDINGS = 5;
/** Rows of the table of processes. */
const SHOWN_PROCESSES = 24;
const WIDTH = 100;

export function reportText(results: readonly ReplayResult[], paint: Paint): string {
  const parts = results.map((result) => oneReport(result, paint));
  if (results.length > 1) parts.push(totals(results, paint));
  return parts.join('\n');
}

function oneReport(result: ReplayResult, paint: Paint): string {
  const lines = [
    `${paint('bold', result.name)}  ${verdict(result, paint)}`,
    '',
    ...summaryLines(summaryOf(result), paint).map(indented),
    '',
    ...table(result.programs, paint).map(indented),
    ...presentLines(result.programs, paint),
    ...noteLines(result, paint),
    ...findingLines(result, paint),
  ];
  return `${lines.join('\n')}\n`;
}

const indented = (line: string): string => `  ${line}`.trimEnd();

function verdict(result: ReplayResult, paint: Paint): string {
  if (isOk(result)) return paint('green', '✓ all agree');
  const { findingsTotal } = result;
  return paint('red', `✗ ${number(findingsTotal)} ${findingsTotal === 1 ? 'finding' : 'findings'}`);
}

function totals(results: readonly ReplayResult[], paint: Paint): string {
  const good = results.filter(isOk).length;
  const title = `${paint('bold', 'all together')}  ${good} of ${results.length} recordings agree`;
  const lines = summaryLines(totalOf(results.map(summaryOf)), paint).map(indented);
  return `${[title, '', ...lines].join('\n')}\n`;
}

function summaryLines(summary: ReplaySummary, paint: Paint): string[] {
  const { calls, agreed, disagreed, skipped, processes, processesCompared, mapsAgreed } = summary;
  const { vmaPeak, maxMapCount, seconds, otherCalls } = summary;
  const share = percent(vmaPeak / maxMapCount);
  const rate = number(Math.round(calls / Math.max(seconds, 1e-6)));
  const parts = [
    `${count(agreed, agreed === calls && calls > 0 ? 'green' : null, paint)} of ${number(calls)} calls agree`,
  ];
  if (disagreed > 0) parts.push(paint('red', `${number(disagreed)} disagree`));
  if (skipped > 0) parts.push(paint('yellow', `${number(skipped)} skipped`));
  const maps =
    processesCompared === 0
      ? 'no end maps were recorded'
      : `${mapsAgreed} of ${processesCompared} recorded end maps agree`;
  return [
    parts.join(', '),
    `${number(processes)} ${processes === 1 ? 'process' : 'processes'}, ${maps}`,
    ...presentSummary(summary),
    `peak ${number(vmaPeak)} of max_map_count ${number(maxMapCount)} VMAs (${share} %)`,
    paint(
      'dim',
      `${seconds.toFixed(2)} s, ${rate} calls/s; ${number(otherCalls)} calls of other kinds passed over`,
    ),
  ];
}

/** Nothing to say without recorded page faults. */
function presentSummary(summary: ReplaySummary): string[] {
  const { vmasPresentCompared, rssAgreed, anonymousAgreed, presentExplained } = summary;
  if (vmasPresentCompared === 0) return [];
  const explained = presentExplained === 0 ? '' : `; ${number(presentExplained)} explained`;
  const [rss, anonymous] = [number(rssAgreed), number(anonymousAgreed)];
  return [
    `${number(vmasPresentCompared)} VMAs at the end: Rss of ${rss} agrees, Anonymous of ${anonymous}${explained}`,
  ];
}

function count(value: number, style: 'green' | null, paint: Paint): string {
  return style === null ? number(value) : paint(style, number(value));
}

const number = (value: number): string => value.toLocaleString('en-US');

const HEADINGS = ['PID', 'command', 'calls', 'agreed', 'VMAs', 'peak', 'start', 'end', 'end maps'];
const RIGHT = new Set([0, 2, 3, 4, 5]);

/** Two digits that matter: `0.12`, `5.3`, `98`. */
function percent(share: number): string {
  const value = share * 100;
  return value < 10 ? value.toPrecision(2) : value.toFixed(0);
}

/** The processes, those with something to say first when there are too many. */
function table(programs: readonly Program[], paint: Paint): string[] {
  const worst = programs.toSorted((a, b) => trouble(b) - trouble(a));
  const shown = new Set(worst.slice(0, SHOWN_PROCESSES));
  const rows = programs.filter((program) => shown.has(program)).map(rowOf);
  const widths = HEADINGS.map((heading, i) =>
    Math.max(heading.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const aligned = (row: readonly string[]): string =>
    row
      .map((cell, i) =>
        RIGHT.has(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join('  ');
  const lines = [
    paint('dim', aligned(HEADINGS)),
    ...rows.map((row) => colored(aligned(row), row, paint)),
  ];
  const hidden = programs.length - rows.length;
  if (hidden > 0) lines.push(paint('dim', `and ${number(hidden)} more`));
  return lines;
}

const trouble = ({ disagreed, skipped, mapVerdict }: Program): number =>
  disagreed + skipped + (mapVerdict === 'differs' ? 1 : 0);

function rowOf(program: Program): string[] {
  const { pid, command, calls, agreed, vmasAtEnd, peak, space, end, mapVerdict } = program;
  const numbers = [number(calls), number(agreed), number(vmasAtEnd), number(peak)];
  const verdictText =
    mapVerdict === 'agrees' ? '✓ agree' : mapVerdict === 'differs' ? '✗ differ' : '-';
  return [String(pid), command.slice(0, 24), ...numbers, START[space.origin], end, verdictText];
}

const START = {
  recorded: 'start maps',
  ends: 'end maps',
  elf: 'ELF files',
  log: 'the log',
} as const;

function colored(line: string, row: readonly string[], paint: Paint): string {
  if (row.at(-1)?.startsWith('✗') === true || row[2] !== row[3]) return paint('red', line);
  return line;
}

function noteLines({ notes }: ReplayResult, paint: Paint): string[] {
  if (notes.length === 0) return [];
  const lines = notes.flatMap(({ count: n, text }) =>
    wrapped(n > 1 ? `${number(n)} x ${text}` : text),
  );
  return ['', indented(paint('bold', 'What the log does not show')), ...lines];
}

/** Breaks a sentence at spaces, and marks its first line. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length > WIDTH - 6) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  lines.push(line);
  return lines.map((part, i) => `  ${i === 0 ? '- ' : '  '}${part}`);
}

function findingLines({ findings, findingsTotal }: ReplayResult, paint: Paint): string[] {
  if (findingsTotal === 0) return [];
  const lines = ['', indented(paint('bold', 'Findings'))];
  for (const finding of findings.slice(0, SHOWN_FINDINGS))
    lines.push(...findingText(finding, paint));
  const more = findingsTotal - SHOWN_FINDINGS;
  if (more > 0)
    lines.push('', indented(paint('dim', `and ${number(more)} more; --json lists them`)));
  return lines;
}

function findingText(finding: Finding, paint: Paint): string[] {
  const { line, pid, tid, call, message, context, repeat } = finding;
  const who =
    pid === null
      ? []
      : [tid === null || tid === pid ? `process ${pid}` : `process ${pid}, thread ${tid}`];
  const where = [...(line === null ? [] : [`line ${number(line)}`]), ...who].join(', ');
  const lines = [
    '',
    `  ${paint('red', '✗')} ${where === '' ? '' : `${paint('cyan', where)}: `}${message}`,
  ];
  if (call !== null) lines.push(`      ${call.slice(0, 200)}`);
  for (const text of context) lines.push(paint('dim', `      ${text}`));
  lines.push(paint('dim', `      repeat: ${repeat}`));
  return lines;
}
