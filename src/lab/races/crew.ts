/**
 * Explorers, one process each: a checked build of the engine cannot be had beside an ordinary one,
 * and each has a processor to itself.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, RaceListing, Task } from './task.ts';

/** An explorer that ended, or cannot be started. */
export class CrewError extends Error {}

/** Where an explorer begins: a module of the build, whether this is one, a bundle or a source. */
const ROOT = import.meta.url.includes('/bundle/') ? '../..' : '../../..';
const MAIN = `${ROOT}/dist/lab/races/explorer_main.js`;

export class Crew {
  readonly #explorers = new Map<number, ChildProcess>();
  readonly #size: number;

  /** @param size how many explore at the same time. */
  constructor(size: number) {
    this.#size = size;
  }

  async races(): Promise<readonly RaceListing[]> {
    const answer = await ask(this.#explorer(0), null);
    if (answer.kind !== 'races') throw new CrewError('an explorer answered what it was not asked.');
    return answer.races;
  }

  /** Explores all tasks, each by whoever is free; `tell` hears of each as soon as it is done. */
  async run(tasks: readonly Task[], tell: (answer: Answer) => void): Promise<void> {
    const left = [...tasks];
    const count = Math.min(this.#size, tasks.length);
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        for (let task = left.shift(); task !== undefined; task = left.shift()) {
          tell(await this.#explore(index, task));
        }
      }),
    );
  }

  /** Ends all explorers, whatever they do. */
  end(): void {
    for (const explorer of this.#explorers.values()) explorer.kill('SIGKILL');
    this.#explorers.clear();
  }

  async #explore(index: number, task: Task): Promise<Answer> {
    try {
      return await ask(this.#explorer(index), task);
    } catch (error) {
      if (!(error instanceof CrewError)) throw error;
      this.#explorers.delete(index);
      return { kind: 'failed', task, message: error.message };
    }
  }

  #explorer(index: number): ChildProcess {
    const explorer = this.#explorers.get(index) ?? start();
    this.#explorers.set(index, explorer);
    return explorer;
  }
}

const start = (): ChildProcess =>
  fork(fileURLToPath(new URL(MAIN, import.meta.url)), {
    execArgv: ['--conditions=checked'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  });

async function ask(explorer: ChildProcess, task: Task | null): Promise<Answer> {
  const over = new AbortController();
  const { signal } = over;
  const ended = once(explorer, 'exit', { signal }).then(([code, killed]: unknown[]) => {
    throw new CrewError(`the explorer ended (${String(killed ?? code)}) before it had answered.`);
  });
  explorer.send(task as object);
  try {
    const [answer] = (await Promise.race([once(explorer, 'message', { signal }), ended])) as [
      Answer,
    ];
    return answer;
  } finally {
    ended.catch(() => undefined);
    over.abort();
  }
}
