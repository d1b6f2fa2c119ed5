import { describe, expect, test } from 'vitest';
import { PackError } from './place.ts';
import { parseSource, type SourceScenario, type SourceStep } from './source.ts';
import { whatElse } from './expected.ts';

const PLACES = { HEAP: 0x401000n, BRK: 0x423000n, TOP: 0x7ffff7ff7000n };

const parse = (text: string): SourceScenario[] =>
  parseSource(text, { file: 'topic.txt', topic: 'topic', places: PLACES });

/** One step in a scenario around it, on line 4. */
const stepOf = (line: string): SourceStep => {
  const [scenario] = parse(`# topic/one\nIt does.\nsource: mmap(2)\n${line}\n`);
  const [step] = scenario?.steps ?? [];
  if (step === undefined) throw new Error('there is no step');
  return step;
};

describe('a source', () => {
  test('has scenarios with a sentence, a source, a user and steps', () => {
    const [first, second, ...others] = parse(`
      ## what this topic is about
      # topic/first
      A sentence that goes on
      over two lines.
      source: mmap(2), MAP_FIXED

      ## between the steps
      munmap W 1p -> 0 [3]
      # topic/second
      Another.
      source: LTP mmap06
      uid: 65534
      exit`);
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      line: 3,
      name: 'topic/first',
      says: 'A sentence that goes on over two lines.',
      source: 'mmap(2), MAP_FIXED',
      uid: 0,
      steps: [{ line: 9, process: 0, operation: 'munmap 0x200000000000 0x1000', vmas: 3 }],
    });
    expect(second).toMatchObject({ uid: 65534, steps: [{ operation: 'exit', expected: null }] });
  });

  test.each([
    ['', 'topic.txt:1: there is no scenario'],
    ['munmap W 1p -> 0', 'topic.txt:1: a scenario begins "# topic/name"'],
    ['# topic/a\nIt does.\nexit', 'topic.txt:1: the scenario has no line "source: ..."'],
    [
      '# topic/a\nsource: x\nexit',
      'topic.txt:1: between the name and "source:" stands one sentence',
    ],
    ['# topic/a\nno sentence\nsource: x\nexit', 'topic.txt:1: between the name and "source:"'],
    ['# topic/a\nIt does.\nsource:\nexit', 'topic.txt:1: "source:" names a page'],
    ['# topic/a\nIt does.\nsource: x', 'topic.txt:1: the scenario has no step'],
    ['# other/a\nIt does.\nsource: x\nexit', 'topic.txt:1: a name is "topic/" and small letters'],
    ['# topic/A\nIt does.\nsource: x\nexit', 'topic.txt:1: a name is "topic/" and small letters'],
    ['# topic/a\nIt does.\nsource: x\nuid: me\nexit', 'topic.txt:4: "me" is no number of a user'],
    [
      '# topic/a\nIt does.\nsource: x\nexit\n# topic/a\nIt does.\nsource: x\nexit',
      'topic.txt:5: a scenario is called "topic/a" already',
    ],
  ])('%j is refused with its place', (text, message) => {
    expect(() => parse(text)).toThrow(PackError);
    expect(() => parse(text)).toThrow(message);
  });
});

describe('a step', () => {
  test.each([
    ['mmap W 3p RW PRIVATE|ANONYMOUS|FIXED -1 0 -> W', 'mmap 0x200000000000 0x3000 3 0x32 -1 0'],
    ['mmap 0 2p RX|0x10 SHARED f7 0x7p -> ADDR', 'mmap 0 0x2000 0x15 1 7 0x7000'],
    ['munmap W+3p+1 -1p -> EINVAL', 'munmap 0x200000003001 -4096'],
    ['munmap END-1p 1 -> 0', 'munmap 0x7fffffffe000 1'],
    [
      'mremap BRK-1p HEAP 8 MAYMOVE|DONTUNMAP TOP -> _',
      'mremap 0x422000 0x401000 8 5 0x7ffff7ff7000',
    ],
    ['madvise W 1p GUARD_INSTALL -> 0', 'madvise 0x200000000000 0x1000 0x66'],
    ['mlock2 W 1p ONFAULT -> 0', 'mlock2 0x200000000000 0x1000 1'],
    ['mlockall CURRENT|FUTURE -> 0', 'mlockall 3'],
    ['mbind W 1p INTERLEAVE -> 0', 'mbind 0x200000000000 0x1000 3'],
    ['uffd W 1p MISSING|WP -> 0', 'uffd 0x200000000000 0x1000 3'],
    ['rlimit MEMLOCK -1 -> 0', 'rlimit MEMLOCK -1'],
    ['addseals f1 WRITE|SEAL -> 0', 'addseals 1 9'],
    ['personality READ_IMPLIES_EXEC -> _', 'personality 0x400000'],
    ['repeat 5 2p munmap W 1p -> 0 after 5', 'repeat 5 0x2000 munmap 0x200000000000 0x1000'],
    ['fork 1', 'fork 1'],
  ])('%s', (line, operation) => {
    expect(stepOf(line).operation).toBe(operation);
  });

  test('names its process', () => {
    expect(stepOf('2: exit')).toMatchObject({ process: 2, operation: 'exit' });
  });

  test.each([
    ['fly W -> 0', 'no operation is called "fly"'],
    ['constructor W -> 0', 'no operation is called "constructor"'],
    ['munmap W -> 0', 'munmap takes 2 arguments, not 1'],
    ['munmap W 1p', 'behind the operation stands "->"'],
    ['munmap W 1p ->', 'after "->" stands what is expected'],
    ['munmap W 1p -> 0 -> 0', '"->" stands twice'],
    ['munmap W 1p -> 0 0', '"0" is too much behind "->"'],
    ['munmap W 1p -> EFLY', 'the name "EFLY" means nothing here'],
    ['munmap X 1p -> 0', 'the name "X" means nothing here'],
    ['munmap W+ 1p -> 0', '"W+" is no number'],
    ['munmap W 1q -> 0', 'the name "1q" means nothing here'],
    ['mmap W 1p RW MAYMOVE -1 0 -> 0', 'the name "MAYMOVE" means nothing here'],
    ['mmap W 1p RW W -1 0 -> 0', 'the name "W" means nothing here'],
    ['madvise W 1p HWPOISON -> 0', 'this advice breaks the memory of the machine'],
    ['madvise W 1p 0x100000064 -> 0', 'this advice breaks the memory of the machine'],
    ['rlimit 9 1p -> 0', 'a limit is a name such as AS'],
    ['ld W 1p -> what', '"what" is no touch'],
    ['exit -> 0', 'exit has no result'],
    ['totals -> x', '"x" is no total'],
    ['repeat 0 1p munmap W 1p -> 0', 'a repeat says first how often'],
    ['repeat 2 1p ld W 1p -> 0', 'a repeat is of a call whose first argument is an address'],
    ['repeat 2 1p repeat 2 1p munmap W 1p -> 0', 'a repeat is of a call'],
  ])('%s is refused', (line, message) => {
    expect(() => stepOf(line)).toThrow(`topic.txt:4: ${message}`);
  });
});

describe('what is expected', () => {
  const compare = (line: string, given: Parameters<typeof whatElse>[1]): string | null => {
    const { expected } = stepOf(line);
    return expected === null ? null : whatElse(expected, given);
  };

  test.each([
    ['munmap W 1p -> EINVAL', { r: -22 }],
    ['mmap W 1p R PRIVATE f0 0 -> W', { r: '200000000000' }],
    ['mmap W 1p R PRIVATE f0 0 -> ADDR', { r: '7000' }],
    ['mmap W 1p R PRIVATE f0 0 -> _', { r: -12 }],
    ['brk -1p -> -1p', { r: -4096 }],
    ['fork 3 -> 3', { r: 'child 3' }],
    ['ld W 6p -> 0*2 f2:1 0x1100 S1 _', { t: ['0', '0', 'f000000200000001', '1100', 'S1', 'B2'] }],
    ['st W 2p 7 -> 1 S2', { t: [1, 'S2'] }],
    ['mincore W 3p -> 0 101', { r: 0, v: '101' }],
    ['totals -> _ 8 _ _', { totals: [100, 8, 9, 9] }],
    ['repeat 5 1p munmap W 1p -> ENOMEM after 3', { r: -12, done: 3 }],
  ])('%s agrees with %j', (line, given) => {
    expect(compare(line, given)).toBeNull();
  });

  test.each([
    ['munmap W 1p -> 0', { r: -22 }, 'the kernel gave EINVAL, not 0.'],
    ['mmap W 1p R PRIVATE f0 0 -> W', { r: '7000' }, 'the kernel gave 0x7000, not 0x200000000000.'],
    ['mmap W 1p R PRIVATE f0 0 -> ADDR', { r: -12 }, 'the kernel gave ENOMEM, not an address.'],
    ['ld W 2p -> 0 0', { t: ['0', 'S1'] }, 'the kernel gave 0 S1, not 0 0.'],
    ['ld W 2p -> 0', { t: ['0', '0'] }, 'the kernel gave 0 0, not 0.'],
    ['mincore W 2p -> 0 11', { r: 0, v: '01' }, 'mincore said 01, not 11.'],
    ['totals -> 1 _ _ _', { totals: [2, 0, 0, 0] }, 'the kernel gave 2 0 0 0, not 1 _ _ _.'],
    [
      'repeat 5 1p munmap W 1p -> ENOMEM after 3',
      { r: -12, done: 4 },
      'the turns that succeeded were 4, not 3.',
    ],
  ])('%s differs from %j', (line, given, sentence) => {
    expect(compare(line, given)).toBe(sentence);
  });
});
