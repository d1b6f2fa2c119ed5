import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MEMORY_CALLS } from '../strace/decode.ts';
import { parseFaults } from '../replay/faults.ts';
import { parseMaps } from '../replay/maps_text.ts';
import { Census } from './census.ts';
import { WrongRecord } from './cannot.ts';
import { directoryName, makeDirectory } from './directory.ts';
import { complaintOf, faultLine, faultTid, lostIn, parseClocks } from './fault_text.ts';
import { LogWatch, type Window } from './log_watch.ts';
import { reduceSmaps } from './proc_maps.ts';
import { straceArguments, windowsOf } from './strace_arguments.ts';
import { refusalText } from './tracer.ts';

let directory = '';
const path = (name: string): string => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vmaspace-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

describe('lines of perf', () => {
  const HEADER = `# clockid: monotonic (1)
# reference time: 2026-11-20 17:39:15.387705 = 1795196355.387705 (TOD) = 32644.855678540 (monotonic)
`;
  const clocks = parseClocks(HEADER);

  it('become faults in the clock of the log', () => {
    expect(clocks).toEqual({ epoch: 1795196355387705, monotonic: 32644855678540 });
    const sample = '  466 32644.928472698: address=0x56479886c1e0 ip=elf_load error_code=0x2';
    const line = clocks === null ? null : faultLine(sample, clocks);
    expect(line).toBe('466 1795196355.460499 0x56479886c1e0 0x2');
    expect(faultTid(line ?? '')).toBe(466);
    expect(parseFaults(`${line}\n`)).toMatchObject({ count: 1, malformed: [] });
  });

  it('that are no faults of a program are left out, and losses counted', () => {
    const lost = '2199 32847.856118419: PERF_RECORD_LOST lost 2088';
    expect(clocks === null ? null : faultLine(lost, clocks)).toBeNull();
    expect(lostIn(lost)).toBe(2088);
    expect(lostIn('2199 32847.856118419: address=0x1000 ip=x error_code=0x6')).toBe(0);
    expect(parseClocks('# clockid: realtime\n')).toBeNull();
  });

  it('tell why perf refuses', () => {
    const stderr = `event syntax error: 'exceptions:page_fault_user'
                     \\___ can't access trace events

Error:\tNo permissions to read /sys/kernel/tracing/events/exceptions/page_fault_user
Hint:\tTry 'sudo mount -o remount,mode=755 /sys/kernel/tracing/'`;
    expect(complaintOf(stderr)).toBe(
      'No permissions to read /sys/kernel/tracing/events/exceptions/page_fault_user',
    );
    expect(complaintOf('Error:\nwrong clockid (0).\n')).toBe('wrong clockid (0)');
    expect(complaintOf('')).toBe('it said nothing');
  });
});

describe('smaps', () => {
  it('is reduced to what a replay compares', () => {
    const whole = `00400000-00401000 r--p 00000000 fe:00 7                          /bin/x
Size:                  4 kB
Rss:                   4 kB
Pss:                   1 kB
Anonymous:             0 kB
AnonHugePages:         0 kB
VmFlags: rd mr mw me 
`;
    const reduced = reduceSmaps(whole);
    expect(reduced.split('\n').map((line) => line.split(/[ :]/u)[0])).toEqual(
      '00400000-00401000 Rss Anonymous VmFlags '.split(' '),
    );
    expect(parseMaps(reduced)).toMatchObject([{ rss: 4096, anonymous: 0, name: '/bin/x' }]);
  });
});

describe('directories', () => {
  it('are called after the program', () => {
    expect(directoryName('/usr/bin/python3')).toBe('recording-python3');
    expect(directoryName('./my prog!')).toBe('recording-my_prog_');
  });

  it('are never written to twice', () => {
    mkdirSync(path('full'));
    writeFileSync(path('full/file'), '');
    expect(() => makeDirectory(path('full'), 'x')).toThrow(WrongRecord);
    expect(() => makeDirectory(path('none/below'), 'x')).toThrow('cannot be made (ENOENT)');
    expect(makeDirectory(path('new'), 'x')).toBe(path('new'));
    expect(existsSync(path('new'))).toBe(true);
    expect(makeDirectory(path('new'), 'x')).toBe(path('new'));
  });
});

describe('what strace is asked for', () => {
  it('is every call that a replay reads, and time to look', () => {
    const args = straceArguments('log', windowsOf(100));
    const traced = args.find((arg) => arg.startsWith('trace='))?.slice('trace='.length);
    expect(new Set(traced?.split(',').map((name) => name.slice(1)))).toEqual(MEMORY_CALLS);
    expect(args).toContain('inject=execve,execveat:delay_exit=30ms');
    expect(args).toContain('inject=exit_group:delay_enter=100ms');
  });

  it('its refusals say what to do', () => {
    const ptrace = 'strace: do_test: PTRACE_TRACEME: Operation not permitted';
    expect(refusalText(ptrace, '6.1')).toContain('SYS_PTRACE');
    expect(refusalText("strace: unrecognized option '--seccomp-bpf'", '4.26')).toBe(
      "strace 4.26 is too old (strace: unrecognized option '--seccomp-bpf'): 5.3 or later is needed.",
    );
    expect(refusalText('Illegal instruction', '6.1')).toContain('does not work here');
  });
});

describe('a log that grows', () => {
  function watched(...pieces: readonly string[]): { windows: Window[]; watch: LogWatch } {
    const log = path(`log-${Math.random()}`);
    const windows: Window[] = [];
    const watch = new LogWatch(log, (window) => windows.push(window));
    watch.poll();
    writeFileSync(log, '');
    for (const piece of pieces) {
      appendFileSync(log, piece);
      watch.poll();
    }
    watch.close();
    return { windows, watch };
  }

  it('tells of the first program at its first brk(), of others at their exec', () => {
    const { windows, watch } = watched(
      '7 1.5 execve("/x", ["x"], 0x7f) = 0 <0.1>\n7 2.5 brk(NULL) = 0x1000 (DELAYED) <0.1>\n',
      '7 3.5 brk(0) = 0x1000 (DELAYED) <0.1>\n8 4.5 brk(NULL) = 0x1000 (DELAYED) <0.1>\n',
      '8 5.5 execve("/none", ["x"], 0x7f) = -1 ENOENT (No such file) (DELAYED) <0.1>\n',
      '8 6.5 execve("/y", ["y"], 0x7f) = 0 (DELA',
      'YED) <0.1>\n8 7.5 <... execve resumed>) = 12 (DELAYED) <0.1>\n8 8.5 +++ exited with 0 +++\n',
    );
    expect(windows).toEqual([
      { kind: 'start', tid: 7, opened: 2.5, exec: 1 },
      { kind: 'start', tid: 8, opened: 6.5, exec: 1 },
      { kind: 'start', tid: 8, opened: 7.5, exec: 2 },
    ]);
    expect(watch).toMatchObject({ first: 7, calls: 7, alive: new Set([7]) });
  });

  it('tells of an end while its line is being written, and once', () => {
    const { windows } = watched(
      '7 1.5 brk(0) = 0\n7     2.5 exit_group(0',
      ' <unfinished ...>\n8 2.6 exit_group(1',
      ')   = ?\n7 2.9 <... exit_group resumed>) = ?\n',
    );
    expect(windows).toEqual([
      { kind: 'end', tid: 7, opened: 2.5, exec: 0 },
      { kind: 'end', tid: 8, opened: 2.6, exec: 0 },
    ]);
  });
});

describe('the census of a log', () => {
  it('tells processes from threads, and how each ended', async () => {
    const log = path('census');
    writeFileSync(
      log,
      `7 1.0 execve("/bin/sh", ["sh"], 0x7f) = 0
7 1.1 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, exit_signal=0}, 88) = 8
9 1.2 brk(NULL) = 0x1000
7 1.3 clone(child_stack=NULL, flags=SIGCHLD) = 9
8 1.4 exit(0) = ?
8 1.5 +++ exited with 0 +++
9 1.6 execve("/bin/ls", ["ls"], 0x7f) = 0
9 1.7 +++ killed by SIGKILL +++
7 1.8 exit_group(3) = ?
7 1.9 +++ exited with 3 +++
`,
    );
    const { processes, tids, malformed, calls } = await Census.of(log);
    expect([...processes.values()]).toMatchObject([
      { pid: 7, command: 'sh', threads: 2, end: 'exited with 3', hasExitGroup: true },
      { pid: 9, command: 'ls', threads: 1, end: 'killed by SIGKILL', hasExitGroup: false },
    ]);
    expect(tids).toEqual(new Set([7, 8, 9]));
    expect({ malformed, calls }).toEqual({ malformed: 0, calls: 7 });
  });
});
