/**
 * A trace as columns, one a thread, with a line at each change of thread.
 *
 *     reader                    writer
 *   1 load lock = 0
 *     ── switch to writer ──
 *   2                           store lock = 1 (was 0)
 */
import type { TraceStep } from './trace.ts';

const WIDEST = 46;
const MARGIN = 4;

/** The lines of a trace. */
export function traceLines(threadNames: readonly string[], steps: readonly TraceStep[]): string[] {
  const widths = threadNames.map((name) => name.length);
  for (const { thread, text } of steps) {
    widths[thread] = Math.min(WIDEST, Math.max(widths[thread] ?? 0, text.length));
  }
  const starts = widths.map((_, i) =>
    widths.slice(0, i).reduce((sum, width) => sum + width + 2, 0),
  );
  const lines = [
    ' '.repeat(MARGIN) + threadNames.map((name, i) => name.padEnd((widths[i] ?? 0) + 2)).join(''),
  ];
  let last: TraceStep | null = null;
  for (const step of steps) {
    if (last !== null && last.thread !== step.thread) {
      lines.push(`${' '.repeat(MARGIN)}-- switch to ${threadNames[step.thread]} --`);
    }
    const number = last?.step === step.step ? '' : String(step.step || '');
    lines.push(
      number.padStart(MARGIN - 1) + ' '.repeat(1 + (starts[step.thread] ?? 0)) + step.text,
    );
    last = step;
  }
  return lines.map((line) => line.trimEnd());
}
