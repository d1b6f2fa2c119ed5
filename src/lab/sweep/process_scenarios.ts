/** Scenarios of files, and of what makes and ends processes. */
import { pages } from './place.ts';
import { CLONE_SIGHAND, CLONE_THREAD, CLONE_VM, SIGCHLD } from '../../index.ts';
import { scenario, type Scenario } from './scenario.ts';
import { by, DRIVEN, FILED, HOUSEHOLD, MOTLEY, open, SHMEM, step, WATCHED } from './scene.ts';

const SHARE = CLONE_VM | SIGCHLD;
const THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
const MARK = { forkRecovery: 'xa-zero' } as const;

export const FILES: readonly Scenario[] = [
  scenario('opening a file', [], open('a regular file')),
  scenario('opening a memfd', [], open('a memfd')),
  scenario('opening a device', [], open('a device', 3)),
  scenario('opening a stacked file', [open('a regular file')], open('a stacked file')),
  scenario('opening a file again', FILED, step('reopen', 0)),
  scenario('pwrite', FILED, step('pwrite', 0, pages(3) + 100, pages(2))),
  scenario('pwrite to a memfd', SHMEM, step('pwrite', 0, pages(3), pages(2))),
  scenario('pwrite behind the end', FILED, step('pwrite', 0, pages(40), pages(1))),
  scenario('pread', FILED, step('pread', 0, 0, pages(4))),
  scenario('pread of a memfd', SHMEM, step('pread', 0, 0, pages(4))),
  scenario('a file that is cut', FILED, step('truncate', 0, pages(1) + 100)),
  scenario('a file that is cut where nothing was', FILED, step('truncate', 0, pages(3) + 100)),
  scenario('a file that is made longer', FILED, step('truncate', 0, pages(64))),
  scenario('a hole in a file', SHMEM, step('punch_hole', 0, 100, pages(2))),
  scenario('fsync', FILED, step('fsync', 0)),
];

export const PROCESSES: readonly Scenario[] = [
  scenario('fork', HOUSEHOLD, step('fork')),
  scenario('fork with a mark where it failed', HOUSEHOLD, step('fork'), MARK),
  scenario('fork of a fork', [...HOUSEHOLD, step('fork')], by(1, step('fork'))),
  scenario('fork that a userfaultfd is told of', WATCHED, step('fork')),
  scenario('fork of drivers’ memory', DRIVEN, step('fork')),
  scenario('fork of files', FILED, step('fork')),
  scenario('fork of files with a mark where it failed', FILED, step('fork'), MARK),
  scenario('clone that shares the address space', MOTLEY, step('clone', SHARE)),
  scenario('clone of a thread', MOTLEY, step('clone', THREAD)),
  scenario('exec', MOTLEY, step('exec', 4)),
  scenario('exec of one of two', [...MOTLEY, step('clone', SHARE)], by(1, step('exec', 20))),
  scenario('execve', [...MOTLEY, open('a program'), open('a loader')], step('execve', 1, 2)),
  scenario(
    'execve of one of two',
    [...MOTLEY, open('a program'), open('a loader'), step('clone', SHARE)],
    by(1, step('execve', 1, 2)),
  ),
  scenario('exit', [...HOUSEHOLD, step('fork')], by(1, step('exit'))),
];
