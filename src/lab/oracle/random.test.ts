import { expect, test } from 'vitest';
import { Random } from './random.ts';

function draw(random: Random): number[] {
  return Array.from({ length: 100 }, () => random.next());
}

test('the same seed gives the same numbers, another seed or salt others', () => {
  expect(draw(new Random(7, 'core'))).toEqual(draw(new Random(7, 'core')));
  expect(draw(new Random(8, 'core'))).not.toEqual(draw(new Random(7, 'core')));
  expect(draw(new Random(7, 'files'))).not.toEqual(draw(new Random(7, 'core')));
});

test('weights are kept to within a few percent', () => {
  const random = new Random(1);
  const counts = { often: 0, rarely: 0 };
  for (let i = 0; i < 10_000; i++) counts[random.weighted({ often: 9, rarely: 1 })]++;
  expect(counts.often / 10_000).toBeCloseTo(0.9, 1);
});
