/** maps read piece by piece, as read(2) gives it; and as a whole, however it is read. */
import { env } from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  type Process,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  type Protocol,
  PROTOCOL_AXES,
} from '../../src/index.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { Twin } from '../twin.ts';
import { kernelLines, type MapsLines, ourLines } from './lines.ts';

const SEED = Number(env['SEED'] ?? Date.now() % 1_000_000);
const REPEAT = `SEED=${SEED} npx vitest run test/readers/pieces.test.ts`;
const BASE = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const at = (page: number): number => BASE + page * PAGE_SIZE;

const reason = whyNotLive();

describe.skipIf(reason !== undefined)(
  `pieces of maps beside the live kernel${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let twin: Twin;
    let files: readonly [MapsLines, MapsLines];

    beforeEach(() => {
      twin = Twin.start();
      for (let i = 0; i < 600; i++) {
        twin.call('mmap', at(3 * i), PAGE_SIZE, i % 2 === 0 ? RW : PROT_READ, ANON, -1, 0);
      }
      files = [kernelLines(twin.kernel.pid), ourLines(twin.process)];
    });

    afterEach(() => {
      for (const file of files) file.close();
      twin.stop();
    });

    /** Reads the same of both. @returns it. */
    function both(count: number): string {
      const [theirs, ours] = files;
      const text = theirs.read(count);
      expect(ours.read(count)).toBe(text);
      return text;
    }

    it.each([7, 4000, 4095, 4096, 8192])(
      'X-13 reads of %i bytes, up to the end and beyond',
      (count) => {
        let whole = '';
        for (let piece = both(count); piece !== ''; piece = both(count)) whole += piece;
        expect(whole).toBe(twin.kernel.maps());
        expect(both(count)).toBe('');
      },
    );

    it('X-13 a line at the edge of a page of text is split, cut, moved and grown', () => {
      const changes = [
        () => twin.call('mprotect', at(0), 3 * 600 * PAGE_SIZE, PROT_NONE),
        () => twin.call('munmap', at(60), 90 * PAGE_SIZE),
        () => twin.call('mmap', at(60), 200 * PAGE_SIZE, RW, ANON, -1, 0),
        () => twin.call('mprotect', at(100), 60 * PAGE_SIZE, PROT_READ),
        () => twin.call('mremap', at(1200), PAGE_SIZE, PAGE_SIZE, 3, at(1900)),
        () => twin.call('munmap', at(0), 2000 * PAGE_SIZE),
      ];
      for (const change of changes) {
        expect(both(4096).length).toBeGreaterThan(0);
        change();
      }
      for (let piece = both(4096); piece !== ''; piece = both(4096));
    });

    it('X-13 random changes between reads of random sizes', () => {
      const random = new Random(SEED);
      for (let round = 0; round < 300; round++) {
        const [page, pages] = [random.below(900), 1 + random.below(40)];
        const kind = random.below(3);
        if (kind === 0) twin.call('munmap', at(page), pages * PAGE_SIZE);
        else if (kind === 1) twin.call('mmap', at(page), pages * PAGE_SIZE, RW, ANON, -1, 0);
        else twin.call('mprotect', at(page), pages * PAGE_SIZE, PROT_READ);
        const [theirs, ours] = files;
        const count = 1 + random.below(round % 3 === 0 ? 5000 : 200);
        const text = theirs.read(count);
        expect(ours.read(count), `${REPEAT}, round ${round}`).toBe(text);
        if (text !== '') continue;
        for (const file of files) file.close();
        files = [kernelLines(twin.kernel.pid), ourLines(twin.process)];
      }
    });
  },
);

/** Of every kind that a line can have. */
function mapAll(machine: Machine, process: Process): void {
  const fd = machine.open({ kind: 'regular', path: '/a/file', ino: 77, size: 2 ** 20 });
  for (let i = 0; i < 200; i++) {
    const prot = [RW, PROT_READ, PROT_NONE][i % 3] ?? 0;
    if (i % 4 === 0) process.mmap(at(2 * i), PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
    else process.mmap(at(2 * i), PAGE_SIZE, prot, ANON, -1, 0);
    if (i % 5 === 1) process.setAnonName(at(2 * i), PAGE_SIZE, `name ${i}`);
  }
  process.store(at(6), 1);
}

describe('maps, vmas, smaps and pageStats', () => {
  it('X-13 S0-12 are the same in all modes where nobody changes anything', () => {
    const texts = PROTOCOL_AXES.mapsReader.map((mapsReader) => {
      const machine = Machine.create({ protocol: { mapsReader } as Partial<Protocol> });
      const process = machine.spawn();
      mapAll(machine, process);
      const vmas = process
        .vmas()
        .map((vma) => [vma.start, vma.end, vma.flags, vma.file?.path, vma.name, vma.anonVma > 0]);
      const all = [process.maps(), process.smaps(), vmas, process.pageStats()];
      const read = process.openMaps();
      let pieces = '';
      for (let piece = read(4096); piece.length > 0; piece = read(4096)) {
        pieces += Buffer.from(piece).toString('latin1');
      }
      expect(pieces).toBe(process.maps());
      process.verify();
      process.exit();
      machine.close(3);
      machine.tearDown();
      return all;
    });
    expect(texts.length).toBe(3);
    expect(texts[0]?.[0]).toMatch(/\/a\/file\n.*\[anon:name 1\]\n/su);
    for (const text of texts) expect(text).toEqual(texts[0]);
  });
});
