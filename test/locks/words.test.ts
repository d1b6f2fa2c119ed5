/** The words for the VMA lock: what is exported, and what docs/locking.md says of it. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as mmapLock from '../../src/engine/mm/mmap_lock.ts';
import * as theVmaLock from '../../src/engine/mm/vma_lock.ts';
import { Machine, PROTOCOL_AXES } from '../../src/index.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const LOCKING = read('docs/locking.md');

/** @returns the text under a heading, up to the next one. */
function section(heading: string): string {
  const from = LOCKING.indexOf(`\n## ${heading}\n`);
  expect(from, heading).toBeGreaterThan(0);
  return LOCKING.slice(from + 1, LOCKING.indexOf('\n## ', from + 1));
}

it('S2-33 has the names of the field, and no end or downgrade for one VMA', () => {
  const names = Object.keys({ ...mmapLock, ...theVmaLock });
  expect(names).toEqual(
    expect.arrayContaining([
      'vmaStartRead',
      'vmaStartReadLocked',
      'vmaEndRead',
      'vmaStartWrite',
      'vmaAssertWriteLocked',
      'vmaMarkAttached',
      'vmaMarkDetached',
      'mmapWriteDowngrade',
    ]),
  );
  expect(names.filter((name) => /vma.*(?:EndWrite|Downgrade)/u.test(name))).toEqual([]);
});

it('S2-34 docs/locking.md has the four names of the write side in one table', () => {
  const table = section('How the names came about');
  for (const name of [
    'vma_mark_locked',
    'vma_write_lock',
    'vma_start_write',
    'vma_end_write_all',
  ]) {
    expect(table).toContain(`| \`${name}\` `);
  }
});

it('S2-24 S2-35 docs/locking.md has the five points, with tests that exist, and why there is no end', () => {
  const points = section('The per-VMA lock in five points');
  for (const point of ['Read lock', 'Read unlock', 'Write lock', 'Write unlock', 'Downgrade']) {
    expect(points).toContain(`**${point}**`);
  }
  const tests = read('src/engine/mm/vma_lock.test.ts');
  const cited = [...points.matchAll(/`((?:S\d|P\d)-\d+ [^`]*?)(?:\.\.\.)?`/gu)];
  expect(cited.length).toBeGreaterThanOrEqual(6);
  for (const [, name = ''] of cited) expect(tests).toContain(name);
  expect(section('Why there is no vma_end_write')).toContain('publish');
});

it('S2-33 S2-34 docs/glossary.md has each name of the lock, the older ones beside it', () => {
  const rows = read('docs/glossary.md').split('\n');
  const older = {
    vmaStartRead: 'vma_read_trylock',
    vmaEndRead: 'vma_read_unlock',
    vmaStartWrite: 'vma_write_lock',
    vmaEndWriteAll: 'vma_write_unlock_mm',
    vmaLockInit: 'vma_init_lock',
    vmaAssertWriteLocked: 'vma_assert_write_locked',
    vmaMarkAttached: 'vma_mark_attached',
    vmaMarkDetached: 'vma_mark_detached',
    lockVmaUnderRcu: 'lock_vma_under_rcu',
  };
  for (const [name, old] of Object.entries(older)) {
    const found = rows.filter((row) => row.includes(`\`${name}()\``) && row.includes(`\`${old}\``));
    expect(found, name).toHaveLength(1);
  }
});

it('S2-31 docs/locking.md names every generation, and both forms of munmap', () => {
  for (const name of PROTOCOL_AXES.vmaLock) {
    expect(section('Generations').split('\n')[5]).toContain(`\`${name}\``);
  }
  for (const name of PROTOCOL_AXES.munmap) {
    expect(section('Two forms of replacing')).toContain(`\`${name}\``);
  }
});

it('X-1 a machine is made with any value of any switch, and tells every worker which', () => {
  for (const [axis, values] of Object.entries(PROTOCOL_AXES)) {
    for (const value of values) {
      const machine = Machine.create({ bytes: 4 * 2 ** 20, protocol: { [axis]: value } });
      expect(Machine.attach(machine.share()).protocol()).toEqual({
        ...Machine.create({ bytes: 4 * 2 ** 20 }).protocol(),
        [axis]: value,
      });
    }
  }
});

it('X-1 a generation that does not exist is refused when the machine is made', () => {
  const make = (vmaLock: string): Machine => Machine.create({ protocol: { vmaLock } as object });
  expect(() => make('seqlock')).toThrow('one of refcnt, typesafe, rwsem, off');
});
