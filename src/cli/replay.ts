/** `vmaspace replay`: re-runs recorded system calls and compares every answer with the kernel's. */
import { Command } from 'commander';
import type { SysctlName } from '../index.ts';
import { documentOf, isOk } from '../lab/replay/document.ts';
import { elfImages } from '../lab/replay/elf_files.ts';
import type { Recording } from '../lab/replay/recording.ts';
import { codeOf, openRecording, RecordingError } from '../lab/replay/recording_files.ts';
import {
  type Progress,
  replay,
  type ReplayOptions,
  type ReplayResult,
} from '../lab/replay/replay.ts';
import { reportText } from '../lab/replay/report_text.ts';
import { ALL_AGREED, EXIT_CODES, FOUND, UsageError, wholeNumber } from './exit.ts';
import { callsPerSecond, ProgressLine } from './progress.ts';
import { paint } from './paint.ts';

interface Options {
  readonly json?: boolean;
  readonly until?: number;
  readonly maxMapCount?: number;
  readonly overcommit?: number;
  readonly set?: ReadonlyMap<SysctlName, number>;
}

const EXAMPLES = `
Examples:
  vmaspace replay examples/python-import       a recording: log, maps, page faults
  vmaspace replay make.strace                  a log alone: strace -f -ttt -T -y -o make.strace make
  strace -f -o /dev/stdout true | vmaspace replay -
`;

export function replayCommand(): Command {
  return new Command('replay')
    .description(
      "re-runs recorded system calls and compares every answer and map with the kernel's",
    )
    .argument(
      '<trace...>',
      'strace logs, directories with trace.strace and its maps, or - for stdin',
    )
    .option('--json', 'print one JSON document')
    .option('--until <line>', 'stop behind this line of the log', wholeNumber('--until'))
    .option(
      '--max-map-count <n>',
      'vm.max_map_count of the recording machine',
      wholeNumber('--max-map-count'),
    )
    .option(
      '--overcommit <mode>',
      'vm.overcommit_memory of it: 0, 1 or 2',
      wholeNumber('--overcommit'),
    )
    .option(
      '--set <name=value>',
      'any other setting of it, as listed below (may be repeated)',
      setting,
    )
    .addHelpText('after', `${EXAMPLES}\n${settingsText()}\n\n${EXIT_CODES}`)
    .action(run);
}

async function run(traces: readonly string[], options: Options): Promise<void> {
  const results: ReplayResult[] = [];
  for (const trace of traces) results.push(await replayOne(trace, options));
  const text =
    options.json === true
      ? `${JSON.stringify(documentOf(results), null, 2)}\n`
      : reportText(results, paint);
  process.stdout.write(text);
  process.exitCode = results.every(isOk) ? ALL_AGREED : FOUND;
}

async function replayOne(trace: string, options: Options): Promise<ReplayResult> {
  const recording = openRecording(trace);
  const line = new ProgressLine();
  const began = performance.now();
  const recorded = [...recording.settings].filter(([name]) => isSetting(name));
  const sysctl: ReplayOptions['sysctl'] = {
    ...Object.fromEntries(recorded),
    ...Object.fromEntries(options.set ?? []),
    ...(options.maxMapCount === undefined ? {} : { max_map_count: options.maxMapCount }),
    ...(options.overcommit === undefined ? {} : { overcommit_memory: options.overcommit }),
  };
  try {
    const result = await replay(recording, {
      sysctl,
      until: options.until ?? Infinity,
      elfImages,
      progress: (state) => line.show(() => progressText(recording, state, began)),
    });
    return usable(result);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) {
      throw new RecordingError(`${trace} cannot be read (${codeOf(error)}): give an strace log.`);
    }
    throw error;
  } finally {
    line.clear();
  }
}

function progressText({ name, logBytes }: Recording, state: Progress, began: number): string {
  const { line, bytes, calls } = state;
  const share = logBytes === null ? '' : `${Math.floor((bytes / logBytes) * 100)} %, `;
  return `${name}: ${share}line ${line.toLocaleString('en-US')}, ${callsPerSecond(calls, began)}`;
}

/** What holds not one line of strace is no log: wrong use, and no finding. */
function usable(result: ReplayResult): ReplayResult {
  if (result.records > 0) return result;
  const first = result.findings.find(({ kind }) => kind === 'malformed');
  if (first !== undefined)
    throw new RecordingError(`${result.name} is not an strace log. ${first.message}`);
  if (result.otherCalls.size > 0) return result;
  throw new RecordingError(`${result.name} is empty: give an strace log.`);
}

/** What the recording machine may have been set to. */
const SETTINGS: Readonly<Partial<Record<SysctlName, string>>> = {
  max_map_count: 'VMAs a process may have (65530)',
  mmap_min_addr: 'lowest address without CAP_SYS_RAWIO (65536)',
  lsm_mmap_min_addr: 'lowest address that the security module allows (65536)',
  overcommit_memory: '0 heuristic, 1 always, 2 never (0)',
  overcommit_ratio: 'percent of RAM in mode 2 (50)',
  overcommit_kbytes: 'in place of the ratio (0)',
  admin_reserve_kbytes: 'kept for root in mode 2 (8192)',
  user_reserve_kbytes: 'kept for recovery in mode 2 (131072)',
  totalram_pages: 'pages of RAM (more than any program asks for)',
  total_swap_pages: 'pages of swap (0)',
  stack_guard_gap: 'pages kept free below a stack (256)',
  legacy_va_layout: '1: mappings are placed bottom-up (0)',
  transparent_hugepage: '0: large mappings are not aligned (1; a log tells)',
  anon_vma_name: '0: no names for anonymous memory (1; a log tells)',
  swap: '0: built without swap (1)',
  ksm: '0: built without KSM (1)',
  read_ahead_kb: 'kB that a fault on a missing page of a file reads (128)',
};

const isSetting = (name: string): name is SysctlName => Object.hasOwn(SETTINGS, name);

function settingsText(): string {
  const rows = Object.entries(SETTINGS).map(([name, text]) => `  ${name.padEnd(22)}${text}`);
  return ['Settings of the recording machine (--set name=value):', ...rows].join('\n');
}

function setting(
  text: string,
  before: Map<SysctlName, number> = new Map(),
): Map<SysctlName, number> {
  const [, name, value] = /^(\w+)=(\d{1,15})$/.exec(text) ?? [];
  if (name !== undefined && isSetting(name)) return new Map(before).set(name, Number(value));
  throw new UsageError(
    `--set takes name=value with a name of "vmaspace replay --help", not "${text}".`,
  );
}
