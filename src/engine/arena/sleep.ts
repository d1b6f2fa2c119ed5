/** Whether this thread may sleep: not a browser's main thread, where Atomics.wait throws. */
export const maySleep = ((): boolean => {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
})();
