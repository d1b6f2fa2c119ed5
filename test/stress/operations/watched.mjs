// Pages that a userfaultfd fills, and that others forget: whoever finds one finds it filled.
import { EEXIST, MADV_DONTNEED } from '../../../dist/index.js';
import {
  PAGE,
  PROCESSES,
  scratchAt,
  tagText,
  WATCHED,
  WATCHED_PAGES,
  watchedTag,
} from '../places.mjs';

const BURST = 6;

/** Answers the faults of a process: by a handler of a worker, or for workers that sleep. */
export function fillOf({ process, fd, worker, tally }) {
  const bytes = scratchAt(worker);
  return ({ address }) => {
    const page = Math.floor((address - WATCHED) / PAGE);
    process.store(bytes, watchedTag(page));
    const copied = process.uffdCopy(fd, WATCHED + page * PAGE, bytes, PAGE);
    tally.filled++;
    // Two may have waited for one page: the second is woken without a copy of its own.
    if (copied === EEXIST) process.uffdWake(fd, WATCHED + page * PAGE, PAGE);
    else if (copied !== PAGE) throw new Error(`UFFDIO_COPY gave ${copied}`);
  };
}

export function watchedOperations(stage) {
  const { processes, me, random, pick, fds, tally } = stage;
  // The last process has no handler: who faults there sleeps until another thread answers.
  const handled = PROCESSES - 1;
  for (let p = 0; p < handled; p++) {
    const fill = fillOf({ process: processes[p], fd: fds.watched[p], worker: me, tally });
    processes[p].onUserfault(fds.watched[p], fill);
  }

  function touch(process) {
    const page = random(WATCHED_PAGES);
    const seen = process.load(WATCHED + page * PAGE);
    if (seen === watchedTag(page)) return;
    throw new Error(`page ${page} is watched, and holds ${seen < 0 ? seen : tagText(seen)}`);
  }

  function forget(process) {
    const page = random(WATCHED_PAGES);
    const len = (1 + random(WATCHED_PAGES - page)) * PAGE;
    process.madvise(WATCHED + page * PAGE, len, MADV_DONTNEED);
  }

  return {
    touch() {
      const process = processes[pick() % handled];
      for (let i = 0; i < BURST; i++) touch(process);
    },
    forget: () => forget(processes[pick() % handled]),
    sleep() {
      const process = processes[handled];
      if (random(8) === 0) forget(process);
      touch(process);
      tally.slept++;
    },
  };
}
