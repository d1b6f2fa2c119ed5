/**
 * The same call made twice, by a process of the live kernel and by ours, and everything compared.
 */
import { readFileSync } from 'node:fs';
import { Machine, type Process, vmFlagsOfText, vmFlagsText } from '../../src/index.ts';
import { Kernel } from '../../src/lab/oracle/kernel.ts';
import type { SmapsVma } from '../../src/lab/oracle/vmas.ts';

/** A result, or what a touch met. */
export type Answer = number | string;

export interface Step {
  /** The call as a line of text. */
  readonly call: string;
  readonly kernel: Answer;
  readonly engine: Answer;
}

const MMAP_BASE = 0x7ffff7fff000;

export class Twin {
  readonly kernel: Kernel;
  readonly process: Process;
  readonly #machine: Machine;

  constructor({ uid }: { uid: number }) {
    this.kernel = Kernel.start({ uid });
    this.#machine = Machine.create({
      sysctl: { mmap_min_addr: 4096, totalram_pages: totalRamPages(), anon_vma_name: 0 },
    });
    this.process = this.#machine.spawn();
    this.#copyAddressSpace();
    if (uid !== 0) this.process.setCapabilities(0);
  }

  #copyAddressSpace(): void {
    const vmas = this.kernel.vmas().filter(({ path }) => path !== '[vsyscall]');
    const brk = Number(this.kernel.call('brk', 0));
    const stack = vmas.find(({ path }) => path === '[stack]');
    const stat = readFileSync(`/proc/${this.kernel.pid}/stat`, 'latin1').split(' ');
    const result = this.process.exec({
      vmas: vmas.map(initialVma),
      layout: {
        startData: Number(stat[44]),
        endData: Number(stat[45]),
        startBrk: brk,
        brk,
        startStack: Number(stack?.end ?? 0n) - 8,
        mmapBase: MMAP_BASE,
      },
    });
    if (result !== 0) throw new Error(`the kernel's own maps were refused with ${result}`);
    for (const { start, perms } of vmas) {
      if (perms.includes('w')) this.process.touch(Number(start), 'write');
    }
  }

  /** @returns how the two differ after a step, or null. */
  difference(step: Step): string | null {
    if (step.kernel !== step.engine)
      return `the kernel: ${step.kernel}, the engine: ${step.engine}`;
    const kernel = this.kernel
      .vmas()
      .filter(({ path }) => path !== '[vsyscall]')
      .map(kernelLine);
    const engine = this.process
      .vmas()
      .map(({ start, end, flags }) => line(start, end, vmFlagsText(flags)));
    if (kernel.join() !== engine.join()) {
      const only = (a: string[], b: string[]): string => a.filter((x) => !b.includes(x)).join('\n');
      return `only in the kernel:\n${only(kernel, engine)}\nonly in the engine:\n${only(engine, kernel)}`;
    }
    return this.#totalsDifference();
  }

  #totalsDifference(): string | null {
    const status = readFileSync(`/proc/${this.kernel.pid}/status`, 'latin1');
    const { totalVm, lockedVm, dataVm, stackVm } = this.process.layout();
    const totals = { VmSize: totalVm, VmLck: lockedVm, VmData: dataVm, VmStk: stackVm };
    for (const [name, pages] of Object.entries(totals)) {
      const kb = Number(new RegExp(`${name}:\\s+(\\d+)`, 'u').exec(status)?.[1] ?? 0);
      if (kb !== pages * 4) return `${name}: the kernel ${kb} kB, the engine ${pages * 4} kB`;
    }
    return null;
  }

  /** Ends both, and checks that ours leaves nothing behind. */
  end(): void {
    this.kernel.stop();
    this.process.exit();
    this.#machine.tearDown();
  }
}

function totalRamPages(): number {
  const meminfo = readFileSync('/proc/meminfo', 'latin1');
  return Math.floor(Number(/MemTotal:\s+(\d+)/u.exec(meminfo)?.[1]) / 4);
}

function initialVma({ start, end, path, vmFlags }: SmapsVma) {
  const special = path.startsWith('[v') ? { special: path, pgoff: 0 } : {};
  return { start: Number(start), end: Number(end), flags: vmFlagsOfText(vmFlags), ...special };
}

const kernelLine = ({ start, end, vmFlags }: SmapsVma): string =>
  line(Number(start), Number(end), vmFlags);

const line = (start: number, end: number, flags: string): string =>
  `${start.toString(16)}-${end.toString(16)} ${flags.trim()}`;
