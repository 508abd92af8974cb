import { close, closeSync, fstatSync, open, read } from "node:fs";

/** Up to here the end of a file that was removed meanwhile frees so little that nobody needs to wait for it elsewhere. */
const closedAtOnceBytes = 1024 * 1024;

/**
 * A file that is open for reading. Node's own handle goes to another thread and back for each step; here only those do that
 * may wait for the disk, opening and reading, which halves what a small blob costs.
 */
export class OpenFile {
  readonly #number: number;
  /** As it was when the file was opened. */
  readonly size: number;
  #reading: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(number: number, size: number) {
    this.#number = number;
    this.size = size;
  }

  static open(path: string): Promise<OpenFile> {
    return new Promise((resolve, reject) => {
      open(path, "r", (error, number) => {
        if (error !== null) {
          reject(error);
          return;
        }
        try {
          // What the file system knows since it was opened: nothing waits for a disk.
          resolve(new OpenFile(number, fstatSync(number).size));
        } catch (failed) {
          closeSync(number);
          reject(failed as Error);
        }
      });
    });
  }

  /** Reads up to `length` bytes to the beginning of `into`, one call at a time, and answers how many there were. */
  read(into: Uint8Array, length: number, position: number): Promise<number> {
    if (this.#closing !== undefined) return Promise.reject(new Error("the file was closed"));
    const reading = new Promise<number>((resolve, reject) => {
      read(this.#number, into, 0, length, position, (error, bytesRead) => {
        if (error === null) resolve(bytesRead);
        else reject(error);
      });
    });
    this.#reading = reading;
    return reading;
  }

  /** Safe to call twice. Waits for a read that is under way: its number may be another file's the moment it is free. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#reading?.catch(() => undefined);
    if (this.size <= closedAtOnceBytes) {
      closeSync(this.#number);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      close(this.#number, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
}
