/**
 * What the code under test keeps in JavaScript objects, and not in shared memory, of which in
 * truth each worker has its own: "this CPU", scratch objects. All threads of an execution run in
 * one worker, so these are exchanged whenever another thread runs.
 */
type Fields = Record<string, unknown>;

export class PerThread {
  readonly #objects: Fields[] = [];
  /** The fields of every object, one after another: at a thread's start, and of each thread. */
  #initial: unknown[] = [];
  #saved: unknown[][] = [];

  /**
   * Registers an object, array or typed array. Its own fields count, not what they refer to; a
   * getter with its setter is a field, too.
   */
  add(object: object): void {
    this.#objects.push(object as Fields);
  }

  /** Takes what the objects hold now as what every thread begins with. */
  begin(threads: number): void {
    if (this.#objects.length === 0) return;
    this.#initial = this.#read();
    this.#saved = Array.from({ length: threads }, () => this.#initial);
  }

  /** Keeps what is a thread's. */
  save(thread: number): void {
    if (this.#objects.length > 0) this.#saved[thread] = this.#read();
  }

  /** Brings back what is a thread's. */
  restore(thread: number): void {
    if (this.#objects.length > 0) this.#write(this.#saved[thread] ?? this.#initial);
  }

  /** Brings back what every thread begins with. */
  restart(): void {
    if (this.#objects.length > 0) this.#write(this.#initial);
  }

  /** Of each object: how many fields, and their names and values. */
  #read(): unknown[] {
    const values: unknown[] = [];
    for (const object of this.#objects) {
      const names = Object.keys(object);
      values.push(names.length);
      for (const name of names) values.push(name, object[name]);
    }
    return values;
  }

  #write(values: readonly unknown[]): void {
    let i = 0;
    for (const object of this.#objects) {
      const count = values[i++] as number;
      if (Array.isArray(object)) object.length = count;
      else if (Object.keys(object).length > count) this.#forget(object, values, i, count);
      for (let n = 0; n < count; n++, i += 2) object[values[i] as string] = values[i + 1];
    }
  }

  /** Deletes the fields that were not there. */
  #forget(object: Fields, values: readonly unknown[], from: number, count: number): void {
    const names = new Set(values.slice(from, from + 2 * count).filter((_, i) => i % 2 === 0));
    for (const name of Object.keys(object)) if (!names.has(name)) delete object[name];
  }
}
