/** Programs like one that reached something: steps left out, said twice, given other arguments. */
import type { Step } from '../oracle/programs.ts';
import type { Random } from '../oracle/random.ts';

const LEFT_OUT = 0.08;
const TWICE = 0.03;
const CHANGED = 0.1;
const PAGE = 4096n;
/** From here up a word is an address or a length; below it, flags or a number. */
const IN_BYTES = 0x1000n;

/** A beginning of these steps, with changes. What follows is for the generator to choose. */
export function vary(steps: readonly Step[], random: Random): Step[] {
  const until = 1 + random.below(steps.length);
  return steps.slice(0, until).flatMap((step) => {
    if (random.chance(LEFT_OUT)) return [];
    const kept = random.chance(CHANGED) ? changed(step, random) : step;
    return random.chance(TWICE) ? [kept, kept] : [kept];
  });
}

function changed(step: Step, random: Random): Step {
  const [name = '', ...words] = step.operation.split(' ');
  if (words.length === 0 || name === 'fork' || name === 'maps') return step;
  const at = random.below(words.length);
  const operation = [name, ...words.with(at, otherWord(words[at] ?? '0', random))].join(' ');
  return { process: step.process, operation };
}

/** A page more or less of what counts bytes; a bit more or less of what are flags. */
function otherWord(word: string, random: Random): string {
  if (!/^(?:0x[\da-f]+|\d+)$/u.test(word)) return word;
  const value = BigInt(word);
  if (value < IN_BYTES) return String(value ^ (1n << BigInt(random.below(6))));
  const pages = BigInt(random.pick([-2, -1, 1, 2]));
  const other = value + pages * PAGE;
  return `0x${(other < 0n ? value : other).toString(16)}`;
}
