/** The forms of a machine that decide who sees a VMA, and when: generations and munmap forms. */
import { Machine, type Protocol, PROTOCOL_AXES } from '../../src/index.ts';

export type Form = Pick<Protocol, 'vmaLock' | 'munmap'>;

export const GENERATIONS = PROTOCOL_AXES.vmaLock as readonly Form['vmaLock'][];

/** Every generation of the VMA lock with every form of munmap, the default first. */
export const FORMS: readonly Form[] = GENERATIONS.flatMap((vmaLock) =>
  (PROTOCOL_AXES.munmap as readonly Form['munmap'][]).map((munmap) => ({ vmaLock, munmap })),
);

export const nameOf = ({ vmaLock, munmap }: Form): string => `${vmaLock}, ${munmap}`;

export const machineOf = (protocol: Partial<Protocol>): Machine =>
  Machine.create({ bytes: 16 * 2 ** 20, sysctl: { mmap_min_addr: 4096 }, seed: 1, protocol });

/** A scenario that a form has not got: why. */
export class NotHere {
  readonly why: string;

  constructor(why: string) {
    this.why = why;
  }
}

/** Checks a form with expect(); what a form has no place for, it says. */
export type Scenario = (form: Form) => NotHere | void;
export type Scenarios = Readonly<Record<string, Scenario>>;
