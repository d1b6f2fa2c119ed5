/** Page faults of a recording: which pages were touched, by whom and when. */

/** Bits of x86's error code. */
const CODE_WRITE = 1 << 1;
const CODE_USER = 1 << 2;

/** Sorted by time; the arrays run in parallel. */
export interface Faults {
  readonly count: number;
  readonly tids: Int32Array;
  /** Seconds, in the clock of the log. */
  readonly times: Float64Array;
  /** Bytes. */
  readonly addrs: Float64Array;
  /** 1 for a write. */
  readonly writes: Uint8Array;
  /** 1 for a fault of the kernel, inside a system call or an exec. */
  readonly kernels: Uint8Array;
  /** Lines that are no faults. */
  readonly malformed: readonly number[];
}

export const NO_FAULTS: Faults = {
  count: 0,
  tids: new Int32Array(),
  times: new Float64Array(),
  addrs: new Float64Array(),
  writes: new Uint8Array(),
  kernels: new Uint8Array(),
  malformed: [],
};

const LINE = /^(\d+) (\d+\.\d+) (0x[0-9a-f]+) (0x[0-9a-f]+)$/;

interface Fault {
  readonly tid: number;
  readonly time: number;
  readonly addr: number;
  readonly isWrite: boolean;
  readonly isKernel: boolean;
}

/** Reads lines of `TID EPOCH_SECONDS ADDRESS ERROR_CODE`. */
export function parseFaults(text: string): Faults {
  const faults: Fault[] = [];
  const malformed: number[] = [];
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    if (line === '') continue;
    const fault = parseFault(line);
    if (fault === null) malformed.push(number);
    else faults.push(fault);
  }
  // Each CPU writes its own; those of one thread are in order, but not all of them together.
  faults.sort((a, b) => a.time - b.time);
  return {
    count: faults.length,
    tids: Int32Array.from(faults, ({ tid }) => tid),
    times: Float64Array.from(faults, ({ time }) => time),
    addrs: Float64Array.from(faults, ({ addr }) => addr),
    writes: Uint8Array.from(faults, ({ isWrite }) => (isWrite ? 1 : 0)),
    kernels: Uint8Array.from(faults, ({ isKernel }) => (isKernel ? 1 : 0)),
    malformed,
  };
}

function parseFault(line: string): Fault | null {
  const [, tid, time, addr, code] = LINE.exec(line) ?? [];
  if (tid === undefined || time === undefined || addr === undefined) return null;
  return {
    tid: Number(tid),
    time: Number(time),
    addr: Number(addr),
    isWrite: (Number(code) & CODE_WRITE) !== 0,
    isKernel: (Number(code) & CODE_USER) === 0,
  };
}
