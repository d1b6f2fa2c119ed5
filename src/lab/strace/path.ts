import { CODE, type Cursor } from './cursor.ts';
import { skipAngles } from './list.ts';
import { decodeEscapes } from './text.ts';

const DELETED = '(deleted)';

/**
 * Reads the `</path>` that `-y` puts behind a descriptor, and `(deleted)` behind that.
 *
 * @returns the path, with ` (deleted)` at its end as in /proc/PID/maps; null when it is not closed.
 */
export function readPath(cursor: Cursor): string | null {
  const close = skipAngles(cursor.text, cursor.at, cursor.end);
  if (close < 0) return null;
  const path = decodeEscapes(withoutDevice(cursor.text.slice(cursor.at + 1, close)));
  cursor.at = close + 1;
  return cursor.eatText(DELETED) ? `${path} ${DELETED}` : path;
}

/** `-yy` says of a device which one it is: `/dev/zero<char 1:5>`. */
function withoutDevice(path: string): string {
  if (path.charCodeAt(path.length - 1) !== CODE.greater) return path;
  const open = path.lastIndexOf('<');
  return open > 0 ? path.slice(0, open) : path;
}
