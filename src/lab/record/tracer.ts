/** strace on this machine: whether it is there, and whether it may trace. */
import { spawnSync } from 'node:child_process';
import { CannotRecord } from './cannot.ts';
import { findProgram } from './found_program.ts';
import { straceArguments, windowsOf } from './strace_arguments.ts';

export interface Tracer {
  readonly path: string;
  /** As `6.1`. */
  readonly version: string;
}

/** @throws CannotRecord */
export function findTracer(): Tracer {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const here = `${process.platform} on ${process.arch}`;
    throw new CannotRecord(`Programs are recorded on Linux on x86-64; this is ${here}.`);
  }
  const path = findProgram('strace');
  if (path === null) {
    throw new CannotRecord(
      'There is no strace in PATH: install the package strace (5.3 or later).',
    );
  }
  const version = versionOf(path);
  const refusal = tryOut(path);
  if (refusal !== null) throw new CannotRecord(refusalText(refusal, version));
  return { path, version };
}

function versionOf(path: string): string {
  const { stdout } = spawnSync(path, ['-V'], { encoding: 'utf8' });
  return /version (\S+)/u.exec(stdout)?.[1] ?? 'of an unknown version';
}

/** Traces a shell that does nothing. @returns what strace complains of; null when it may trace. */
function tryOut(path: string): string | null {
  const args = [...straceArguments('/dev/null', windowsOf(1)), '--', '/bin/sh', '-c', ':'];
  const { status, stderr, error } = spawnSync(path, args, { encoding: 'utf8' });
  if (status === 0) return null;
  const complaint = stderr.trim().split('\n')[0] ?? '';
  return (complaint === '' ? (error?.message ?? `it ended with ${status}`) : complaint).trim();
}

const OPTION = /unrecognized|invalid|unknown|usage/iu;

/** @returns what to do about it, in one sentence. */
export function refusalText(complaint: string, version: string): string {
  const said = complaint.replace(/\.$/u, '');
  if (/ptrace|not permitted/iu.test(complaint)) {
    return (
      `ptrace is not allowed here (${said}): a container needs the capability SYS_PTRACE, ` +
      'and kernel.yama.ptrace_scope must be less than 3.'
    );
  }
  if (OPTION.test(complaint)) {
    return `strace ${version} is too old (${said}): 5.3 or later is needed.`;
  }
  return `strace ${version} does not work here (${said}).`;
}
