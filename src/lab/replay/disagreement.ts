/** Describes a call that the engine answered differently: who, where, what, and why perhaps. */
import {
  errnoName,
  LIMIT_AS,
  LIMIT_ARENA,
  LIMIT_COMMIT,
  LIMIT_DATA,
  LIMIT_MAP_COUNT,
  LIMIT_MEMLOCK,
  LIMIT_MIN_ADDR,
  LIMIT_STACK,
  LIMIT_TASK_SIZE,
  type Process,
  type Verdict,
} from '../../index.ts';
import type { Findings } from './findings.ts';
import type { Outcome } from './judge.ts';
import type { CallStep } from './program.ts';
import { rangeOf, UNMODELLED } from './run_call.ts';

const LIMITS: Readonly<Record<number, string>> = {
  [LIMIT_MAP_COUNT]: 'vm.max_map_count',
  [LIMIT_AS]: 'RLIMIT_AS',
  [LIMIT_DATA]: 'RLIMIT_DATA',
  [LIMIT_STACK]: 'RLIMIT_STACK',
  [LIMIT_MEMLOCK]: 'RLIMIT_MEMLOCK',
  [LIMIT_COMMIT]: 'the commit limit (vm.overcommit_memory)',
  [LIMIT_MIN_ADDR]: 'vm.mmap_min_addr',
  [LIMIT_TASK_SIZE]: 'the size of an address space',
  [LIMIT_ARENA]: "the engine's own memory",
};

/** Mappings shown on each side of the place in question. */
const NEIGHBOURS = 2;

export function disagreement(findings: Findings, step: CallStep, outcome: Outcome): void {
  const { program, record, tid, wanted } = step;
  if (outcome.answer === UNMODELLED) return;
  const engine = answerText(outcome.answer);
  const recorded = answerText(Number(wanted));
  const reason = reasonOf(step, outcome);
  const message = `The kernel answered ${recorded}, the engine ${engine}${reason === '' ? '.' : `: ${reason}.`}`;
  findings.add('result', message, {
    pid: program.pid,
    tid,
    line: record.line,
    call: `${record.name}(${record.args.join(', ')})`,
    recorded,
    engine,
    context: neighbours(program.process, placeOf(step, outcome.answer)),
  });
}

/** As strace prints a result. */
export function answerText(answer: number): string {
  if (answer < 0) return errnoName(answer) ?? `errno ${-answer}`;
  return answer < 4096 ? String(answer) : `0x${answer.toString(16)}`;
}

function reasonOf({ wanted }: CallStep, { answer, verdict }: Outcome): string {
  const wasRefused = typeof answer === 'number' && answer < 0;
  if (wasRefused && verdict !== null && verdict.limit !== 0) return limitText(verdict);
  if (wanted >= 0 || wasRefused) return '';
  const hint = HINTS[errnoName(Number(wanted)) ?? ''];
  return hint ?? '';
}

function limitText({ limit, wanted, allowed }: Verdict): string {
  return `it met ${LIMITS[limit] ?? 'a limit'}, ${wanted} of ${allowed}`;
}

/** What a kernel refuses for reasons that a log does not show. */
const HINTS: Readonly<Record<string, string>> = {
  ENOMEM:
    'perhaps the recording machine had less memory, or a lower limit (--set, --max-map-count)',
  EPERM: 'perhaps the program ran without the rights of root, which the engine assumes',
  EAGAIN: 'perhaps RLIMIT_MEMLOCK was lower, or the program ran without CAP_IPC_LOCK',
  ENOSPC: 'perhaps the recording machine has protection keys, which the engine does not model',
  EACCES: 'perhaps the file was opened in another way than the log shows',
};

function placeOf(step: CallStep, answer: number): number {
  if (answer > 4096) return answer;
  if (step.wanted > 4096) return Number(step.wanted);
  return rangeOf(step.call)?.start ?? 0;
}

/** @returns the lines of maps around an address. */
export function neighbours(process: Process, place: number): string[] {
  const lines = process.maps().trimEnd().split('\n');
  const below = lines.filter((line) => parseInt(line, 16) <= place).length;
  return lines.slice(Math.max(0, below - NEIGHBOURS - 1), below + NEIGHBOURS);
}
