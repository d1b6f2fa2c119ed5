// Workers of a page, and what they say.

/** Starts a worker, which can be told what to do; what it says is kept until somebody asks. */
export function startWorker(url = 'worker.mjs') {
  const worker = new Worker(url, { type: 'module' });
  const heard = [];
  const asking = [];
  const settle = (what) => {
    const next = asking.shift();
    if (next === undefined) heard.push(what);
    else next(what);
  };
  worker.addEventListener('message', ({ data }) => settle({ data }));
  worker.addEventListener('error', (event) => settle({ error: new Error(event.message) }));
  const said = async () => {
    const { data, error } = heard.shift() ?? (await new Promise((next) => asking.push(next)));
    if (error !== undefined) throw error;
    return data;
  };
  return { worker, said, tell: (message) => worker.postMessage(message, []) };
}
