/** What is present of the VMAs of processes at their end, as people like to read it. */
import type { ExplainedPages, Program } from './program.ts';
import type { Paint } from './report_text.ts';

/** Rows of the table. */
const SHOWN = 12;

const HEADINGS = ['PID', 'VMA', 'Rss', 'here', 'Anonymous', 'here', 'why'];
const RIGHT = new Set([0, 2, 3, 4, 5]);

/** @returns a table of the VMAs that differ, those that nothing explains first; or nothing. */
export function presentLines(programs: readonly Program[], paint: Paint): string[] {
  const all = programs.flatMap((program) =>
    program.pageReasons.map((pages) => ({ pid: program.pid, pages })),
  );
  if (all.length === 0) return [];
  const sorted = all.toSorted((a, b) => urgency(b.pages) - urgency(a.pages));
  const shown = sorted.slice(0, SHOWN);
  const rows = [HEADINGS, ...shown.map(({ pid, pages }) => rowOf(pid, pages))];
  const widths = HEADINGS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row, i) => painted(aligned(row, widths), i === 0 ? null : row, paint));
  const hidden = all.length - shown.length;
  if (hidden > 0) lines.push(paint('dim', `and ${hidden} more; --json lists them`));
  const title = paint('bold', 'Present pages that differ from smaps, in kB');
  return ['', ...[title, ...lines].map((line) => `  ${line}`)];
}

/** How far off the figures are; without any reason, above all others. */
function urgency({ figures: { kernel, engine }, reason }: ExplainedPages): number {
  const off = Math.abs(kernel.rss - engine.rss) + Math.abs(kernel.anonymous - engine.anonymous);
  return reason === null ? Number.MAX_SAFE_INTEGER : off;
}

function rowOf(pid: number, { figures, reason }: ExplainedPages): string[] {
  const { line, kernel, engine } = figures;
  const kb = [kernel.rss, engine.rss, kernel.anonymous, engine.anonymous].map((bytes) =>
    (bytes / 1024).toLocaleString('en-US'),
  );
  const name = line.name.slice(line.name.lastIndexOf('/') + 1);
  const vma = `${line.start.toString(16)} ${line.perms} ${name.slice(0, 24)}`.trimEnd();
  return [String(pid), vma, ...kb, reason ?? 'unexplained'];
}

function aligned(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, i) =>
    RIGHT.has(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
  );
  return cells.join('  ').trimEnd();
}

function painted(text: string, row: readonly string[] | null, paint: Paint): string {
  if (row === null) return paint('dim', text);
  return row.at(-1) === 'unexplained' ? paint('red', text) : text;
}
