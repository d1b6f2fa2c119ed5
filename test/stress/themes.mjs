// The storms: most of what a worker does in one is of its kind, the rest anything.
import { deviceOperations, windowOperations } from './operations/files.mjs';
import { ownOperations } from './operations/own.mjs';
import { readerOperations } from './operations/readers.mjs';
import { alwaysOperations, wildOperations } from './operations/shared.mjs';
import { taskOperations } from './operations/tasks.mjs';
import { watchedOperations } from './operations/watched.mjs';

/** By family and operation. */
const STORMS = {
  faults: [
    'always.store',
    'always.load',
    'always.replace',
    'own.store',
    'wild.store',
    'own.forget',
  ],
  replacing: ['always.replace', 'always.look', 'always.find', 'always.lookLocked', 'own.map'],
  mprotect: ['own.protect', 'always.protect', 'wild.protect', 'own.store', 'own.name'],
  mremap: ['own.move', 'own.keep', 'own.shrink', 'own.map', 'wild.move', 'wild.grow', 'own.store'],
  fork: ['task.fork', 'always.hammer', 'always.hammer', 'own.store'],
  exit: ['task.hand', 'task.take', 'task.exec', 'window.map', 'window.store'],
  kill: ['task.condemned', 'task.kill', 'task.kill', 'always.replace', 'own.map'],
  truncate: [
    'window.truncate',
    'window.grow',
    'window.punch',
    'window.remove',
    'window.map',
    'window.store',
    'window.load',
    'window.write',
    'window.truncateWild',
  ],
  files: [
    'window.write',
    'window.read',
    'window.store',
    'window.load',
    'window.grow',
    'window.forget',
    'window.map',
    'window.unmap',
  ],
  maps: [
    'reader.maps',
    'reader.pieces',
    'reader.vmas',
    'reader.smaps',
    'reader.stats',
    'always.replace',
    'own.map',
    'own.unmap',
  ],
  queries: ['reader.query', 'reader.queryNext', 'always.find', 'always.replace', 'own.protect'],
  devices: ['device.map', 'device.unmap', 'device.protect', 'device.access', 'wild.mapShared'],
  watched: ['watched.touch', 'watched.forget', 'own.map', 'own.protect'],
  mixed: [],
};

export const THEMES = Object.keys(STORMS);

/** What is rare among the others, since it costs much more than they do. */
const RARE = new Set(['watched.sleep', 'reader.smaps', 'reader.stats', 'reader.walk', 'task.hand']);

export function operationsOf(stage) {
  const own = ownOperations(stage);
  const families = {
    own,
    always: alwaysOperations(stage),
    wild: wildOperations(stage),
    window: windowOperations(stage),
    device: deviceOperations(stage),
    watched: watchedOperations(stage),
    reader: readerOperations(stage),
    task: taskOperations(stage, own),
  };
  return new Map(
    Object.entries(families).flatMap(([family, operations]) =>
      Object.entries(operations).map(([name, act]) => [`${family}.${name}`, act]),
    ),
  );
}

/** @returns what draws one of all operations, by name, in a storm. */
export function drawer(names, { theme, without }, random) {
  const all = names.filter((name) => !without.includes(name));
  const kind = STORMS[theme].length === 0 ? all : STORMS[theme];
  return () => {
    if (random(4) > 0) return kind[random(kind.length)];
    const name = all[random(all.length)];
    return RARE.has(name) && random(8) > 0 ? all[random(all.length)] : name;
  };
}
