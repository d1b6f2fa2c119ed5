// A worker of a page that is terminated in the middle of a write section, with all its locks held.
// It takes the single modules: they and the bundle have nothing in common but the memory.
import { Machine } from '../../dist/index.js';
import { mmapWriteLock } from '../../dist/engine/mm/mmap_lock.js';
import { findVma } from '../../dist/engine/mm/vma_iterator.js';
import { vmaStartWrite } from '../../dist/engine/mm/vma_lock.js';

function die({ shared, id, at, isAsleep }) {
  const machine = Machine.attach(shared);
  const process = machine.process(id);
  process.store(at, 1);
  const writer = mmapWriteLock(process.mm());
  vmaStartWrite(writer, findVma(writer, at));
  postMessage('holds', []);
  if (isAsleep) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

// The lock of this name is free again once this worker is no more: nothing else tells the page.
addEventListener('message', ({ data }) => {
  void navigator.locks.request(data.name, () => {
    die(data);
    return new Promise(() => undefined);
  });
});
