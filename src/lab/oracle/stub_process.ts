import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OracleError, deniedCall, denying } from './oracle_error.ts';
import { type StubFile, writeStub } from './stub.ts';
import { AREA_BYTES, AREA_START, AREAS } from './stub_code.ts';

/** How the work areas look in /proc/PID/maps: they are mapped after the pipes exist. */
const READY = [AREA_START, AREA_START + AREAS * AREA_BYTES]
  .map((addr) => addr.toString(16).padStart(8, '0'))
  .join('-');
const START_TRIES = 4000;
const START_PAUSE_MS = 0.25;
const EAGAIN = -11;

/** Starts a stub and waits until it serves. @returns its process number. */
export function startStub(): number {
  const stub = denying('open', writeStub);
  try {
    const child = spawn(stub.path, [], { stdio: 'ignore', env: {} });
    child.on('error', () => undefined); // reported below, by the missing pid
    child.unref();
    if (child.pid === undefined) throw whyNotSpawned(stub);
    waitUntilReady(child.pid);
    return child.pid;
  } finally {
    stub.remove();
  }
}

/** Node tells it later, and to nobody who waits now. */
function whyNotSpawned({ path }: StubFile): OracleError {
  denying('open', openAFew);
  try {
    accessSync(path, constants.X_OK);
  } catch {
    const folder = dirname(dirname(path));
    const sentence = `programs in ${folder} may not be executed: set TMPDIR to a folder where they may.`;
    return new OracleError('denied', sentence);
  }
  return deniedCall('fork', EAGAIN);
}

/** As many descriptors as starting a process takes. */
function openAFew(): void {
  const fds: number[] = [];
  try {
    for (let i = 0; i < 8; i++) fds.push(openSync('/dev/null', 'r'));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

function waitUntilReady(pid: number): void {
  for (let i = 0; i < START_TRIES; i++) {
    if (readFileSync(`/proc/${pid}/maps`, 'latin1').includes(READY)) return;
    pause(START_PAUSE_MS);
  }
  killStub(pid);
  throw new OracleError('denied', 'the stub started but does not answer: run outside the sandbox.');
}

/** Ends a process that startStub() started. */
export function killStub(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
