import * as fs from "node:fs";
import { MillraceError } from "../common/errors.js";

/** What a failed file operation is called; names the file and what to do. */
export function diskError(cause: unknown, doing: string, path: string): MillraceError {
  if (cause instanceof MillraceError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const full = code === "ENOSPC" || code === "EDQUOT";
  const message = full
    ? `the disk is full: cannot ${doing} ${path}; free some space and restart`
    : `cannot ${doing} ${path}: ${(cause as Error).message}`;
  return new MillraceError(full ? "DISK_FULL" : "DISK_FAILED", message, { cause, context: { file: path } });
}

/** Writes all bytes at `position`; a short write goes on. Throws the system's error. */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** Several buffers in one system call. */
export function writeAllFully(fd: number, buffers: readonly Uint8Array[], position: number): void {
  let total = 0;
  for (const b of buffers) total += b.length;
  const written = fs.writevSync(fd, buffers as Uint8Array[], position);
  if (written === total) return;
  let start = 0;
  for (const b of buffers) {
    const skip = Math.max(0, written - start);
    if (skip < b.length) writeFully(fd, b.subarray(skip), position + start + skip);
    start += b.length;
  }
}

/** Reads up to `length` bytes at `position` into `into`; less only at the end of the file. */
export function readFully(fd: number, into: Uint8Array, offset: number, length: number, position: number): number {
  let done = 0;
  while (done < length) {
    const n = fs.readSync(fd, into, offset + done, length - done, position + done);
    if (n === 0) break;
    done += n;
  }
  return done;
}

export function fdatasync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fs.fdatasync(fd, (error) => (error ? reject(error) : resolve())));
}

/** Makes the folder's entries durable: without it a new, renamed or removed file may come back after a power cut. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await fs.promises.open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The file holds either what it held or all of `bytes`, whatever happens. The folder is not synced. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await fs.promises.open(`${path}.tmp`, "w");
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await fs.promises.rename(`${path}.tmp`, path);
}

/** Removes a file that may be missing. */
export function removeFile(path: string): void {
  fs.rmSync(path, { force: true });
}
