/** The result of an access by its name: the signal and si_code that a program would get. */
import type { Mm } from '../mm/held.ts';
import { touchByte } from './access.ts';
import {
  type Access,
  FAULT_BUS_ADRERR,
  FAULT_BUS_MCEERR_AR,
  FAULT_OOM,
  FAULT_SEGV_ACCERR,
  FAULT_SEGV_MAPERR,
  type FaultCode,
} from './user_fault.ts';

export type Touch = 'done' | 'SEGV_MAPERR' | 'SEGV_ACCERR' | 'BUS_ADRERR' | 'BUS_MCEERR_AR' | 'oom';

const NAMES: Readonly<Record<FaultCode, Touch>> = {
  0: 'done',
  [FAULT_SEGV_MAPERR]: 'SEGV_MAPERR',
  [FAULT_SEGV_ACCERR]: 'SEGV_ACCERR',
  [FAULT_BUS_ADRERR]: 'BUS_ADRERR',
  [FAULT_OOM]: 'oom',
  [FAULT_BUS_MCEERR_AR]: 'BUS_MCEERR_AR',
};

export const touchOf = (code: FaultCode): Touch => NAMES[code];

/** Touches the byte at `addr`, as the running task. */
export const touchPage = (mm: Mm, addr: number, access: Access): Touch =>
  touchOf(touchByte(mm, addr, access));
