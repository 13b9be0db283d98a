// SPDX-License-Identifier: MIT
// An append-only file of records that survives a crash at any moment.
//
//   header    "NRCL", version, size of a vector, CRC-32 of these          16 bytes, little-endian, as all numbers
//   record    bytes of the payload, kind, payload, zeros up to a multiple of 8, CRC-32 of all before in the record, "end."
//
// A record is complete when its last bytes are right. When the file is opened, everything behind the last complete record is cut off: it was being written.

/** A file that one program at a time uses. */
export interface LogFile {
  size(): number | Promise<number>;
  read(at: number, length: number): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  write(at: number, bytes: Uint8Array<ArrayBuffer>): void | Promise<void>;
  truncate(size: number): void | Promise<void>;
  /** Returns when everything written will survive a crash. */
  flush(): void | Promise<void>;
  close(): void | Promise<void>;
}

const kMagic = 0x4c43524e; // "NRCL"
const kEnd = 0x2e646e65; // "end."
const kVersion = 1;
const kHeader = 16;
const kFrame = 16; // bytes of a record around its payload
const kMost = 2 ** 28; // bytes of a payload

const table = /* @__PURE__ */ (() => {
  const out = new Uint32Array(256);
  for (let i = 0; i < 256; ++i) {
    let c = i;
    for (let k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    out[i] = c;
  }
  return out;
})();

/** CRC-32, as in zip files. */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (let i = 0; i < bytes.length; ++i) c = table[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

export interface LogRecord {
  kind: number;
  payload: Uint8Array<ArrayBuffer>;
}

/** The file is not one of these, or of another version. */
export class LogError extends Error {}

export class Log {
  readonly #file: LogFile;
  #end: number;

  private constructor(file: LogFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** The bytes of the file. */
  get size(): number {
    return this.#end;
  }

  /** Opens a file, or begins an empty one. `read` receives its records in order; `width` is the size of a vector. */
  static async open(file: LogFile, width: number, read: (record: LogRecord) => void): Promise<Log> {
    const size = await file.size();
    const header = new DataView(new ArrayBuffer(kHeader));
    header.setUint32(0, kMagic, true);
    header.setUint32(4, kVersion, true);
    header.setUint32(8, width, true);
    header.setUint32(12, crc32(new Uint8Array(header.buffer, 0, 12)), true);
    const wanted = new Uint8Array(header.buffer);
    const found = await file.read(0, Math.min(size, kHeader));
    if (size < kHeader) {
      // Only the beginning of a header may be cut off.
      if (found.some((byte, i) => byte !== wanted[i])) throw new LogError("this is not a file of Recall");
      await file.truncate(0);
      await file.write(0, wanted);
      await file.flush();
      return new Log(file, kHeader);
    }
    const view = new DataView(found.buffer, found.byteOffset);
    if (view.getUint32(0, true) !== kMagic) throw new LogError("this is not a file of Recall");
    if (view.getUint32(4, true) !== kVersion)
      throw new LogError(`the file has version ${view.getUint32(4, true)}, but this program reads version ${kVersion}`);
    if (view.getUint32(12, true) !== crc32(found.subarray(0, 12))) throw new LogError("the file's header is damaged");
    if (view.getUint32(8, true) !== width) throw new LogError(`the file has vectors of ${view.getUint32(8, true)} numbers, not ${width}`);
    let at = kHeader;
    for (let next; (next = await recordAt(file, at, size)); at = next.end) read(next.record);
    if (at < size) {
      await file.truncate(at);
      await file.flush();
    }
    return new Log(file, at);
  }

  /** Appends a record. It is there after a crash if the promise has resolved. */
  async append(kind: number, payload: Uint8Array): Promise<void> {
    if (payload.length > kMost) throw new LogError(`a record has at most ${kMost} bytes, but this has ${payload.length}`);
    const padded = Math.ceil(payload.length / 8) * 8;
    const bytes = new Uint8Array(padded + kFrame);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, payload.length, true);
    view.setUint32(4, kind, true);
    bytes.set(payload, 8);
    view.setUint32(8 + padded, crc32(bytes.subarray(0, 8 + padded)), true);
    view.setUint32(12 + padded, kEnd, true);
    const at = this.#end;
    try {
      await this.#file.write(at, bytes);
      await this.#file.flush();
    } catch (error) {
      await Promise.resolve(this.#file.truncate(at)).catch(() => {}); // the disk may be full
      throw error;
    }
    this.#end = at + bytes.length;
  }

  /** A copy of the file. */
  async read(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#file.read(0, this.#end);
  }

  /** Removes all records. */
  async clear(): Promise<void> {
    await this.#file.truncate(kHeader);
    await this.#file.flush();
    this.#end = kHeader;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function recordAt(file: LogFile, at: number, size: number): Promise<{ record: LogRecord; end: number } | undefined> {
  if (at + kFrame > size) return undefined;
  const head = await file.read(at, 8);
  const view = new DataView(head.buffer, head.byteOffset);
  const [length, kind] = [view.getUint32(0, true), view.getUint32(4, true)];
  const padded = Math.ceil(length / 8) * 8;
  const end = at + padded + kFrame;
  if (length > kMost || end > size) return undefined;
  const bytes = await file.read(at, padded + kFrame);
  const tail = new DataView(bytes.buffer, bytes.byteOffset + 8 + padded);
  if (tail.getUint32(4, true) !== kEnd || tail.getUint32(0, true) !== crc32(bytes.subarray(0, 8 + padded))) return undefined;
  return { record: { kind, payload: bytes.slice(8, 8 + length) }, end };
}

/** A file in memory. */
export class MemoryFile implements LogFile {
  bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)) {
    this.bytes = bytes;
  }

  size(): number {
    return this.bytes.length;
  }

  read(at: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(at, at + length);
  }

  write(at: number, bytes: Uint8Array<ArrayBuffer>): void {
    const out = new Uint8Array(Math.max(this.bytes.length, at + bytes.length));
    out.set(this.bytes);
    out.set(bytes, at);
    this.bytes = out;
  }

  truncate(size: number): void {
    this.bytes = this.bytes.slice(0, size);
  }

  flush(): void {}
  close(): void {}
}

interface SyncHandle {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

/** A file of the origin's private file system. Only workers have it; it is locked until it is closed. */
export async function openPrivateFile(name: string): Promise<LogFile> {
  const folder = await navigator.storage.getDirectory();
  const handle = await folder.getFileHandle(name, { create: true });
  const file = await (handle as unknown as { createSyncAccessHandle(): Promise<SyncHandle> }).createSyncAccessHandle();
  return {
    size: () => file.getSize(),
    read: (at, length) => {
      const out = new Uint8Array(length);
      return out.subarray(0, file.read(out, { at }));
    },
    write: (at, bytes) => {
      for (let done = 0; done < bytes.length;) {
        const count = file.write(bytes.subarray(done), { at: at + done });
        if (count === 0) throw new LogError("the file system has no room left");
        done += count;
      }
    },
    truncate: (size) => file.truncate(size),
    flush: () => file.flush(),
    close: () => file.close(),
  };
}

/** A file in Node. */
export function openNodeFile(path: string): LogFile {
  const { process } = globalThis as unknown as { process: { getBuiltinModule(name: string): unknown } };
  const fs = process.getBuiltinModule("node:fs") as {
    openSync(path: string, flags: number, mode: number): number;
    constants: { O_RDWR: number; O_CREAT: number };
    fstatSync(file: number): { size: number };
    readSync(file: number, into: Uint8Array, at: number, length: number, position: number): number;
    writeSync(file: number, bytes: Uint8Array, at: number, length: number, position: number): number;
    ftruncateSync(file: number, size: number): void;
    fsyncSync(file: number): void;
    closeSync(file: number): void;
  };
  const file = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  return {
    size: () => fs.fstatSync(file).size,
    read: (at, length) => {
      const out = new Uint8Array(length);
      let done = 0;
      for (let count; done < length && (count = fs.readSync(file, out, done, length - done, at + done)) > 0;) done += count;
      return out.subarray(0, done);
    },
    write: (at, bytes) => {
      for (let done = 0; done < bytes.length;) done += fs.writeSync(file, bytes, done, bytes.length - done, at + done);
    },
    truncate: (size) => fs.ftruncateSync(file, size),
    flush: () => fs.fsyncSync(file),
    close: () => fs.closeSync(file),
  };
}
