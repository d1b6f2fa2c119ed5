/** A host whose files are arrays of this thread, and which fails when it is told to. */
import { EIO, type HostFiles, Machine } from '../../src/index.ts';

export class MemoryHost implements HostFiles {
  readonly files: Uint8Array[] = [];
  readonly closed: number[] = [];
  /** What calls answer instead of doing anything. */
  fail: Partial<Record<'read' | 'write' | 'truncate' | 'sync', number>> = {};
  /** Calls that were made, by their name. */
  readonly calls: Record<string, number> = {};
  /** Bytes that a read or a write does at most. */
  portion = Infinity;

  add(bytes: Uint8Array): number {
    return this.files.push(bytes) - 1;
  }

  file(hostFd: number): Uint8Array {
    const file = this.files[hostFd];
    if (file === undefined) throw new Error(`there is no file ${hostFd}`);
    return file;
  }

  read(hostFd: number, position: number, bytes: Uint8Array): number {
    this.#count('read');
    if (this.fail.read !== undefined) return this.fail.read;
    const end = position + Math.min(bytes.length, this.portion);
    const part = this.file(hostFd).subarray(position, end);
    bytes.set(part);
    return part.length;
  }

  write(hostFd: number, position: number, bytes: Uint8Array): number {
    this.#count('write');
    if (this.fail.write !== undefined) return this.fail.write;
    const part = bytes.subarray(0, Math.min(bytes.length, this.portion));
    const file = this.file(hostFd);
    if (position + part.length > file.length) this.truncate(hostFd, position + part.length);
    this.file(hostFd).set(part, position);
    return part.length;
  }

  size(hostFd: number): number {
    return this.file(hostFd).length;
  }

  truncate(hostFd: number, size: number): number {
    if (this.fail.truncate !== undefined) return this.fail.truncate;
    const file = new Uint8Array(size);
    file.set(this.file(hostFd).subarray(0, size));
    this.files[hostFd] = file;
    return 0;
  }

  sync(): number {
    this.#count('sync');
    return this.fail.sync ?? 0;
  }

  close(hostFd: number): number {
    this.closed.push(hostFd);
    return hostFd in this.files ? 0 : EIO;
  }

  #count(call: string): void {
    this.calls[call] = (this.calls[call] ?? 0) + 1;
  }
}

/** A small machine with a host. */
export function machineWithHost(): { machine: Machine; host: MemoryHost } {
  const host = new MemoryHost();
  return { machine: Machine.create({ bytes: 8 * 2 ** 20, ramBytes: 2 ** 21, host }), host };
}
