/**
 * The process that explores: started with `--conditions=checked`, asked by messages. `null` asks
 * which races there are.
 */
import { listing, runTask } from './run_task.ts';
import type { Answer, Task } from './task.ts';

process.on('message', (task: Task | null) => {
  const answer: Answer = task === null ? { kind: 'races', races: listing() } : runTask(task);
  process.send?.(answer);
});
