/** Takes the maps of programs that are held up, and writes those that are certain. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Window } from './log_watch.ts';
import { readMaps, readSmaps } from './proc_maps.ts';
import type { Windows } from './strace_arguments.ts';

/** How many seconds the clock of strace and ours may be read apart. */
const MARGIN = 0.002;

export class Snapshots {
  readonly #directory: string;
  readonly #windows: Windows;
  /** Programs that went on before they had been looked at. */
  readonly missed: Window[] = [];
  /** Names of the files written, with the process and the end of its name. */
  readonly files = new Set<string>();

  constructor(directory: string, windows: Windows) {
    this.#directory = directory;
    this.#windows = windows;
  }

  take(window: Window): void {
    const closes = window.opened + this.#windows[window.kind] / 1000 - MARGIN;
    const shown = readMaps(window.tid);
    if (shown === null || now() > closes) {
      this.missed.push(window);
      return;
    }
    const { pid, maps } = shown;
    if (window.kind === 'start') {
      this.#write(startName(pid, window.exec), maps);
      return;
    }
    this.#write(`${pid}.end.maps`, maps);
    const smaps = readSmaps(window.tid);
    if (smaps === '' || now() > closes) this.missed.push(window);
    else this.#write(`${pid}.end.smaps`, smaps);
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#directory, name), text);
    this.files.add(name);
  }
}

/** A process may execute one program after the other. */
const startName = (pid: number, exec: number): string =>
  exec === 1 ? `${pid}.start.maps` : `${pid}.${exec}.start.maps`;

/** Seconds since the epoch. */
const now = (): number => Date.now() / 1000;
