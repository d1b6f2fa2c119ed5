/** Machine.failAllocations(): which allocations fail, and what the report says of them. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type AllocationFailures, ENOMEM, Machine, type Process } from '../../src/index.ts';

const PAGE = 4096;
const [RW, ANON] = [3, 0x22];

let machine: Machine;
let process: Process;

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
  process = machine.spawn();
});

/** Maps and touches pages apart from each other; what fails is an x. */
function attempts(count: number, of: Process = process): string {
  return Array.from({ length: count }, (_, i) => {
    const addr = 0x200000000000 + 4 * i * PAGE;
    const at = of.mmap(addr, PAGE, i % 2 === 0 ? RW : 1, ANON | 0x10, -1, 0);
    return at < 0 ? 'x' : '.';
  }).join('');
}

const refusedOf = (cache: string): number =>
  machine
    .report()
    .caches.filter(({ name }) => name === cache)
    .reduce((sum, { refused }) => sum + refused, 0);

describe('X-4 of one cache', () => {
  it.each<[AllocationFailures, string]>([
    [{}, 'x.....'],
    [{ after: 2 }, '..x...'],
    [{ after: 1, count: 3 }, '.xxx..'],
    [{ after: 4, count: Infinity }, '....xx'],
    [{ count: 0 }, '......'],
  ])('X-4 %j: %s', (failures, expected) => {
    machine.failAllocations({ cache: 'vm_area_struct', ...failures });
    expect(attempts(6)).toBe(expected);
    expect(refusedOf('vm_area_struct')).toBe(expected.replaceAll('.', '').length);
    expect(refusedOf('maple_node')).toBe(0);
    process.exit();
    machine.tearDown();
  });

  it('X-4 the short form is the same', () => {
    machine.failAllocations('vm_area_struct', 1, 2);
    expect(attempts(4)).toBe('.xx.');
    machine.failAllocations('vm_area_struct', 0, -1);
    expect(machine.pendingFailures('vm_area_struct').count).toBe(Infinity);
    machine.failAllocations('vm_area_struct', 0, 0);
    expect(attempts(2)).toBe('..');
  });
});

describe('X-4 of all caches together', () => {
  it('X-4 the n-th allocation fails, whatever it is of', () => {
    const seen = new Set<string>();
    machine.witnessFailures((cache) => seen.add(cache));
    for (let after = 0; ; after++) {
      const before = machine.save();
      machine.failAllocations({ after });
      const result = process.mmap(0, PAGE, RW, 0x21, -1, 0); // shared and anonymous
      if (result > 0) break;
      expect(result).toBe(ENOMEM);
      machine.restore(before);
    }
    machine.witnessFailures(null);
    expect([...seen]).toEqual(['text', 'inode', 'file', 'vm_area_struct', 'maple_node']);
  });

  it('X-4 from one on for ever', () => {
    machine.failAllocations({ after: 3, count: Infinity });
    expect(attempts(8)).toMatch(/^\.+x+$/u);
    machine.failAllocations({ count: 0 });
    expect(attempts(8)).toBe('........');
  });

  it('X-4 a plan of one cache goes on beside it', () => {
    machine.failAllocations({ cache: 'vm_area_struct', after: 4 });
    machine.failAllocations({ after: 1, count: 1 });
    expect(attempts(8).replaceAll('.', '')).toBe('xx');
  });
});

describe('X-4 with a chance', () => {
  it('X-4 the same seed is the same failures, and can be read back', () => {
    machine.failAllocations({ count: Infinity, oneIn: 3 });
    const { seed, oneIn } = machine.pendingFailures();
    const before = machine.save();
    const first = attempts(60);
    expect(oneIn).toBe(3);
    machine.restore(before);
    machine.failAllocations({ count: Infinity, oneIn: 3, seed });
    expect(attempts(60)).toBe(first);
    machine.restore(before);
    machine.failAllocations({ count: Infinity, oneIn: 3, seed: (seed ^ 1) >>> 0 });
    expect(attempts(60)).not.toBe(first);
  });

  it('X-4 fails about as often as it says', () => {
    machine.failAllocations({ cache: 'vm_area_struct', count: Infinity, oneIn: 4, seed: 7 });
    const failed = attempts(400).replaceAll('.', '').length;
    expect(failed).toBeGreaterThan(60);
    expect(failed).toBeLessThan(140);
  });

  it('X-4 and no more often than the count', () => {
    machine.failAllocations({ cache: 'vm_area_struct', count: 5, oneIn: 2, seed: 7 });
    expect(attempts(100).replaceAll('.', '')).toBe('xxxxx');
  });
});

describe('X-4 the plan is the machine’s', () => {
  it('X-4 another worker meets the same failures', () => {
    const other = Machine.attach(machine.share());
    machine.failAllocations({ cache: 'vm_area_struct', after: 1 });
    expect(attempts(1, other.process(process.id))).toBe('.');
    expect(attempts(2)).toBe('x.');
    other.detach();
  });

  it('X-4 real exhaustion is counted apart', () => {
    const small = Machine.create({ bytes: 3 * 2 ** 20 });
    const child = small.spawn();
    let at = 0;
    for (let i = 0; at >= 0 && i < 1e5; i++) at = child.mmap(0, PAGE, i % 2 ? RW : 1, ANON, -1, 0);
    const { caches } = small.report();
    expect(at).toBe(ENOMEM);
    expect(caches.reduce((sum, { refused }) => sum + refused, 0)).toBe(0);
    expect(caches.reduce((sum, { exhausted }) => sum + exhausted, 0)).toBeGreaterThan(0);
    child.verify();
  });

  it.each([{ cache: 'nothing' }, { after: -1 }, { oneIn: 1.5 }, { count: -2 }, { seed: -1 }])(
    'X-4 refuses %j',
    (failures) => {
      expect(() => machine.failAllocations(failures)).toThrow(TypeError);
    },
  );
});
