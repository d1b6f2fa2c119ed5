/**
 * The watch over a stub: a timer of its own, which kills it when one batch takes too long.  The
 * stub itself starts it before a batch and stops it after, so that it also ends a process whose
 * driver was killed meanwhile, and needs no second thread here.
 */
import { type Request, requestCall, requestStore } from './request.ts';
import { PATIENCE_AT, SIGEVENT_AT, TIMER_AT } from './stub_code.ts';
import { SYSCALLS } from './syscalls.ts';

const CLOCK_MONOTONIC = 1;
const SIGKILL = 9; // also ends what is stopped or traced
const VALUE_AT = PATIENCE_AT + 16; // of the itimerspec, behind the interval

/** Makes a timer for the thread of an area; the last answer is timer_create()'s. */
export function requestWatch(area: number, seconds: number): Request[] {
  const event = area + SIGEVENT_AT;
  const whole = Math.floor(seconds);
  const nanoseconds = Math.round((seconds - whole) * 1e9);
  return [
    requestStore(BigInt(event + 8), BigInt(SIGKILL)),
    requestStore(BigInt(area + VALUE_AT), BigInt(whole)),
    requestStore(BigInt(area + VALUE_AT + 8), BigInt(nanoseconds)),
    requestCall(SYSCALLS.timer_create, [CLOCK_MONOTONIC, event, area + TIMER_AT]),
  ];
}
