// Uses a driver's files in a worker that has registered the driver, or has not.
import { workerData } from 'node:worker_threads';
import { Machine, registerDriver, takeDriverFaults } from '../../dist/index.js';

const { shared, id, fd, base, isRegistered, port } = workerData;
const log = [];

if (isRegistered) {
  const table = { name: 'shared', close: () => void log.push('close here') };
  registerDriver({
    name: 'another first', // numbers are the machine's, not in the order of registration
    fileOperations: { mmapPrepare: () => 0 },
  });
  registerDriver({
    name: 'shared driver',
    vmOperations: [table],
    fileOperations: {
      mmapPrepare: (desc) => {
        log.push('hook here');
        desc.vmOps = table;
        return 0;
      },
    },
  });
}

const machine = Machine.attach(shared);
const process = machine.process(id);
const [PAGE, FIXED_SHARED, READ] = [4096, 0x11, 1];
const results = [
  process.mmap(base + 8 * PAGE, PAGE, READ, FIXED_SHARED, fd, 0), // a new mapping
  process.munmap(base + PAGE, PAGE), // cuts what the other worker has mapped
  process.munmap(base, 4 * PAGE),
];
const violations = takeDriverFaults().map(({ violation }) => violation);
machine.detach();
port.postMessage({ results, log, violations }, []);
port.close();
