import { type Pipes, type StubEnds, openPipes } from './channel.ts';
import { isGone } from './death.ts';
import type { Kernel } from './kernel.ts';
import { SCRATCH_BYTES } from './stub_code.ts';

/** Where pipe2() leaves its two descriptors: at the end of the scratch area. */
const FDS_AT = SCRATCH_BYTES - 8;

/** Makes the two pipes of a new stub in the process that is to bear it, and opens our ends. */
export function makePipes(kernel: Kernel): { ends: StubEnds; pipes: Pipes } {
  const made: number[] = [];
  try {
    made.push(...makePipe(kernel));
    made.push(...makePipe(kernel));
    const [input = 0, inputOther = 0, outputOther = 0, output = 0] = made;
    const ends = { input, output };
    const pipes = openPipes(kernel.pid, ends);
    kernel.close(inputOther, outputOther);
    return { ends, pipes };
  } catch (error) {
    if (!isGone(kernel.pid)) kernel.close(...made);
    throw error;
  }
}

function makePipe(kernel: Kernel): [read: number, write: number] {
  kernel.must('pipe2', kernel.poke(FDS_AT, new Uint8Array(8)), 0);
  const fds = kernel.peek(FDS_AT, 8);
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}
