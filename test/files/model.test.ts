/** Reading, writing, cutting and punching a file, against an array of bytes. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Machine, Machine as Machines } from '../../src/index.ts';
import { machineWithHost, type MemoryHost } from './memory_host.ts';

const SIZE_MAX = 40_000;

type Step =
  | { what: 'write'; at: number; length: number; byte: number }
  | { what: 'read'; at: number; length: number }
  | { what: 'truncate'; size: number }
  | { what: 'punch'; at: number; length: number }
  | { what: 'sync' };

const edge = fc.oneof(
  fc.nat(SIZE_MAX),
  fc.constantFrom(0, 1, 4095, 4096, 4097, 8191, 8192, 12288, 20480),
);
const length = fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.constantFrom(1, 4096, 8192));
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('write' as const),
      at: edge,
      length,
      byte: fc.integer({ min: 1, max: 255 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('read' as const), at: edge, length }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('truncate' as const), size: edge }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('punch' as const), at: edge, length }) },
  { weight: 1, arbitrary: fc.constant({ what: 'sync' as const }) },
);

/** What a file is, in the simplest way. */
class Model {
  bytes = new Uint8Array(0);

  resize(size: number): void {
    const next = new Uint8Array(size);
    next.set(this.bytes.subarray(0, size));
    this.bytes = next;
  }

  write(at: number, data: Uint8Array): void {
    if (at + data.length > this.bytes.length) this.resize(at + data.length);
    this.bytes.set(data, at);
  }
}

interface Subject {
  readonly machine: Machine;
  readonly fd: number;
  readonly host?: MemoryHost;
}

const SUBJECTS: Record<string, (before: Uint8Array) => Subject> = {
  'a file in memory': (contents) => {
    const machine = Machines.create({ bytes: 8 * 2 ** 20, ramBytes: 2 ** 20 });
    const fd = machine.open({ kind: 'regular', path: '/f', writable: true, contents });
    return { machine, fd };
  },
  'a memfd': (contents) => {
    const machine = Machines.create({ bytes: 8 * 2 ** 20, ramBytes: 2 ** 20 });
    const fd = machine.open({
      kind: 'shmem',
      path: '/memfd:f (deleted)',
      writable: true,
      contents,
    });
    return { machine, fd };
  },
  'a file of the host': (contents) => {
    const { machine, host } = machineWithHost();
    const hostFd = host.add(contents.slice());
    const fd = machine.open({ kind: 'regular', path: '/f', writable: true, hostFd });
    return { machine, fd, host };
  },
};

function run({ machine, fd }: Subject, model: Model, step: Step): void {
  if (step.what === 'write') {
    const data = new Uint8Array(step.length).fill(step.byte);
    expect(machine.pwrite(fd, data, step.at)).toBe(step.length);
    model.write(step.at, data);
  } else if (step.what === 'read') {
    const bytes = new Uint8Array(step.length).fill(77);
    const want = model.bytes.subarray(step.at, step.at + step.length);
    expect(machine.pread(fd, bytes, step.at)).toBe(want.length);
    expect(Buffer.compare(bytes.subarray(0, want.length), want)).toBe(0);
    expect(bytes.subarray(want.length).every((byte) => byte === 77)).toBe(true);
  } else if (step.what === 'truncate') {
    expect(machine.truncate(fd, step.size)).toBe(0);
    model.resize(step.size);
  } else if (step.what === 'punch') {
    expect(machine.punchHole(fd, step.at, step.length)).toBe(0);
    model.bytes.fill(0, step.at, step.at + step.length);
  } else expect(machine.fsync(fd)).toBe(0);
  expect(machine.fileSize(fd)).toBe(model.bytes.length);
}

it.each(Object.keys(SUBJECTS))('%s is an array of bytes', (name) => {
  fc.assert(
    fc.property(fc.nat(9000), fc.array(anyStep, { maxLength: 30 }), (size, steps) => {
      const before = Uint8Array.from({ length: size }, (_, i) => (i % 251) + 1);
      const subject = SUBJECTS[name]?.(before);
      if (subject === undefined) throw new Error('no subject');
      const model = new Model();
      model.write(0, before);
      for (const one of steps) run(subject, model, one);
      run(subject, model, { what: 'read', at: 0, length: 60_000 });
      subject.machine.close(subject.fd);
      if (subject.host !== undefined) {
        expect(Buffer.compare(subject.host.file(0), model.bytes)).toBe(0);
        expect(subject.host.closed).toEqual([0]);
      }
      subject.machine.tearDown();
    }),
    { numRuns: 60 },
  );
});
