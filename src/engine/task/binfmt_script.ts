/**
 * `#!` files: the first line names the program that reads them.
 *
 *   #! /bin/sh  -e  \n          argv:  /bin/sh  -e  <path of the script>  argv[1] ...
 *      ^name    ^argument       one argument at most, spaces inside it and all
 *
 * Source: fs/binfmt_script.c, load_script(), v6.18.
 */
import { ENOEXEC, type Errno, isErr, OK } from '../arena/errno.ts';
import { type Bprm, openExec } from './bprm.ts';
import { pushArgument, removeArgZero } from './exec_args.ts';

interface ScriptLine {
  readonly name: Uint8Array;
  readonly argument: Uint8Array | null;
}

const [HASH, BANG, NEWLINE, SPACE, TAB] = [0x23, 0x21, 0x0a, 0x20, 0x09];
const isBlank = (byte: number | undefined): boolean => byte === SPACE || byte === TAB;
const isEnd = (byte: number): boolean => byte === 0 || isBlank(byte);

/**
 * Changes the arguments, and opens what shall be loaded in place of the script.
 *
 * @returns ENOEXEC for what is no script; E2BIG; what its open says.
 */
export function loadScript(bprm: Bprm): 0 | Errno {
  const line = parseScriptLine(bprm.head);
  if (line === null) return ENOEXEC;
  removeArgZero(bprm);
  for (const bytes of [bprm.interp, line.argument, line.name]) {
    const result = bytes === null ? OK : pushArgument(bprm, bytes);
    if (isErr(result)) return result;
  }
  const interpreter = openExec(bprm, line.name);
  if (isErr(interpreter)) return interpreter;
  bprm.interp = line.name;
  bprm.interpreter = interpreter;
  return OK;
}

/** @returns null for what is no script, or one whose first line does not end in what was read. */
function parseScriptLine(head: Uint8Array): ScriptLine | null {
  if (head[0] !== HASH || head[1] !== BANG) return null;
  let end = head.indexOf(NEWLINE);
  // The kernel looks for the end of the line as for that of a string.
  const nul = head.indexOf(0);
  if (end < 0 || (nul >= 0 && nul < end)) end = endWithoutNewline(head);
  while (end > 2 && isBlank(head[end - 1])) end--;

  const start = head.findIndex((byte, i) => i >= 2 && !isBlank(byte));
  if (end < 0 || start < 0 || start >= end) return null;
  const separator = head.findIndex((byte, i) => i >= start && i < end && isEnd(byte));
  if (separator < 0) return { name: stringIn(head, start, end), argument: null };
  const name = stringIn(head, start, separator);
  if (head[separator] === 0) return { name, argument: null };
  const argument = head.findIndex((byte, i) => i >= separator && i < end && !isBlank(byte));
  return { name, argument: argument < 0 ? null : stringIn(head, argument, end) };
}

/** A name that may go on beyond what was read is none. @returns -1 then. */
function endWithoutNewline(head: Uint8Array): number {
  const last = head.length - 1;
  const start = head.findIndex((byte, i) => i >= 2 && i <= last && !isBlank(byte));
  if (start < 0) return -1;
  return head.some((byte, i) => i >= start && isEnd(byte)) ? last : -1;
}

function stringIn(head: Uint8Array, start: number, end: number): Uint8Array {
  const nul = head.subarray(start, end).indexOf(0);
  return head.slice(start, nul < 0 ? end : start + nul);
}
