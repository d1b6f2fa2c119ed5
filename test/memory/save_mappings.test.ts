import { expect, it } from 'vitest';
import { Machine, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../src/index.ts';

const PAGE = 4096;

it('a machine goes back to its mappings and to what is present, whatever pages hold', () => {
  const machine = Machine.create({ bytes: 8 * 2 ** 20 });
  const process = machine.spawn();
  const prot = PROT_READ | PROT_WRITE;
  const at = process.mmap(0, 8 * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  process.touchRange(at, 3 * PAGE, 'write');
  const [maps, smaps, rss] = [process.maps(), process.smaps(), process.rss()];
  const image = machine.saveMappings();
  expect(image.frames).toHaveLength(0);

  process.munmap(at, PAGE);
  process.touchRange(at + 4 * PAGE, 4 * PAGE, 'write');
  process.mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expect(process.rss().anon).toBe(6);

  machine.restore(image);
  expect([process.maps(), process.smaps(), process.rss()]).toEqual([maps, smaps, rss]);
  process.verify();
  expect(process.touch(at + 5 * PAGE, 'write')).toBe('done');
  expect(process.load(at + 5 * PAGE)).toBe(0);
  process.exit();
  machine.tearDown();
});
