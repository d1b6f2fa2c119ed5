import { readFileSync } from 'node:fs';
import type { OracleError } from './oracle_error.ts';
import { ProcFile } from './proc_file.ts';

/** Of the fields of /proc/PID/stat behind the program's name. */
const START_DATA = 43;

/** What /proc says of a process or thread. */
export class ProcView {
  readonly #pid: number;
  readonly #death: () => OracleError;
  readonly #smaps: ProcFile;

  /** @param death why it has ended, when it has. */
  constructor(pid: number, death: () => OracleError) {
    this.#pid = pid;
    this.#death = death;
    this.#smaps = new ProcFile(`/proc/${pid}/smaps`);
  }

  text(name: 'maps' | 'smaps' | 'stat' | 'status'): string {
    return this.#orDeath(() =>
      name === 'smaps' ? this.#smaps.text() : readFileSync(`/proc/${this.#pid}/${name}`, 'latin1'),
    );
  }

  dataRange(): [start: number, end: number] {
    const stat = this.text('stat');
    const fields = stat.slice(stat.lastIndexOf(')')).split(' ');
    return [Number(fields[START_DATA]), Number(fields[START_DATA + 1])];
  }

  close(): void {
    this.#smaps.close();
  }

  /** Nobody lives without a mapping: a file that is empty or gone tells of an end. */
  #orDeath(read: () => string): string {
    let text = '';
    try {
      text = read();
    } catch {
      // Said below.
    }
    if (text === '') throw this.#death();
    return text;
  }
}
