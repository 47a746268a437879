import { copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { asError, MillraceError } from "../common/errors.js";
import { DATA_VERSION } from "./data-folder.js";

export interface BackupResult {
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
}

interface Manifest {
  readonly version: number;
  readonly takenAt: string;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly crc32: number }>>;
}

const manifestName = "backup.json";

/** Written in place, over zeros: by the time a link to it were copied it would tell of transactions that are not in the cut. */
const writtenInPlace = /(^|\/)transactions(\.2)?\.log$/;

/**
 * Copies one consistent cut of a data folder into `target`, while the process that owns the folder goes on. State of queries is
 * left out: it is rebuilt from its changelogs.
 *
 * Appends are synchronous and files only grow or are replaced by a rename, but for two that are copied at once, so links and sizes
 * taken within one turn of the event loop are the log as it was at one moment; the copying afterwards takes its time.
 * @throws MillraceError ALREADY_EXISTS where the target is not empty; DISK_FULL, DISK_FAILED
 */
export async function backup(dir: string, target: string): Promise<BackupResult> {
  const into = resolve(target);
  if (into.startsWith(`${resolve(dir)}/`))
    throw new MillraceError("CONFIG_INVALID", `the backup must not lie in the data folder (${into})`);
  await requireEmpty(into);
  const staging = join(dir, `.backup-${process.pid}`);
  rmSync(staging, { recursive: true, force: true });
  const files = new Map<string, number>();
  try {
    linkTree(join(dir, "log"), dir, staging, files);
    for (const name of ["millrace.json", "secret.key"]) linkFile(join(dir, name), dir, staging, files);
    await mkdir(into, { recursive: true });
    let bytes = 0;
    const copied: Record<string, { bytes: number; crc32: number }> = {};
    for (const [name, size] of files) {
      copied[name] = { bytes: size, crc32: await copyStart(join(staging, name), join(into, name), size) };
      bytes += size;
    }
    const manifest: Manifest = { version: DATA_VERSION, takenAt: new Date().toISOString(), files: copied };
    // last and by rename: a backup without it was cut short, and `restore` refuses it
    const file = await open(join(into, `${manifestName}.tmp`), "w");
    await file.writeFile(JSON.stringify(manifest));
    await file.datasync();
    await file.close();
    await rename(join(into, `${manifestName}.tmp`), join(into, manifestName));
    return { directory: into, files: files.size, bytes };
  } catch (error) {
    throw onDisk(error, into);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Makes a data folder of a backup. @throws MillraceError ALREADY_EXISTS, NOT_FOUND, DATA_INVALID (incomplete), DATA_FOLDER_VERSION
 */
export async function restore(source: string, dir: string): Promise<BackupResult> {
  let manifest: Manifest;
  try {
    manifest = JSON.parse(await readFile(join(source, manifestName), "utf8")) as Manifest;
  } catch (error) {
    throw new MillraceError("NOT_FOUND", `${source} is not a complete backup: it has no readable ${manifestName}`, { cause: error });
  }
  if (manifest.version > DATA_VERSION)
    throw new MillraceError("DATA_FOLDER_VERSION", `the backup was taken by a newer Millrace (data version ${manifest.version})`);
  await requireEmpty(dir);
  for (const [name, { bytes: size }] of Object.entries(manifest.files)) {
    const there = await stat(join(source, name)).catch(() => undefined);
    if (there?.size !== size) throw damaged(name, `should have ${size} bytes and ${there ? `has ${there.size}` : "is missing"}`);
  }
  let bytes = 0;
  try {
    for (const [name, was] of Object.entries(manifest.files)) {
      if ((await copyStart(join(source, name), join(dir, name), was.bytes)) !== was.crc32)
        throw damaged(name, "differs from what was backed up (its checksum)");
      bytes += was.bytes;
    }
  } catch (error) {
    await rm(dir, { recursive: true, force: true }); // else half a restored folder would start, and look empty
    throw onDisk(error, dir);
  }
  return { directory: resolve(dir), files: Object.keys(manifest.files).length, bytes };
}

function damaged(name: string, how: string): MillraceError {
  return new MillraceError("DATA_INVALID", `the backup is damaged: ${name} ${how}`);
}

function linkTree(folder: string, root: string, staging: string, files: Map<string, number>): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) linkTree(path, root, staging, files);
    // the marker of a clean stop would keep the restored log from checking its tail
    else if (entry.isFile() && !entry.name.endsWith(".tmp") && entry.name !== "clean-shutdown" && entry.name !== ".kafka_cleanshutdown")
      linkFile(path, root, staging, files);
  }
}

function linkFile(path: string, root: string, staging: string, files: Map<string, number>): void {
  const name = relative(root, path);
  try {
    mkdirSync(dirname(join(staging, name)), { recursive: true });
    if (writtenInPlace.test(name)) copyFileSync(path, join(staging, name));
    else linkSync(path, join(staging, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  files.set(name, statSync(join(staging, name)).size);
}

/** Copies the first `size` bytes, as what was appended later belongs to another cut; returns their CRC-32. */
async function copyStart(from: string, to: string, size: number): Promise<number> {
  await mkdir(dirname(to), { recursive: true });
  const source = await open(from);
  try {
    const target = await open(to, "wx", (await source.stat()).mode);
    try {
      const buffer = Buffer.allocUnsafe(Math.min(size, 1 << 20));
      let crc = 0;
      for (let at = 0; at < size; ) {
        const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, size - at), at);
        if (bytesRead === 0) throw new MillraceError("DATA_INVALID", `${from} ends after ${at} of ${size} bytes`);
        const part = buffer.subarray(0, bytesRead);
        crc = crc32(part, crc);
        await target.writeFile(part);
        at += bytesRead;
      }
      await target.datasync();
      return crc;
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function requireEmpty(dir: string): Promise<void> {
  const entries = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (entries.length) throw new MillraceError("ALREADY_EXISTS", `${dir} is not empty: give a folder that does not exist yet`);
}

function onDisk(error: unknown, path: string): unknown {
  if (error instanceof MillraceError) return error;
  const full = (error as NodeJS.ErrnoException).code === "ENOSPC";
  return new MillraceError(
    full ? "DISK_FULL" : "DISK_FAILED",
    `${path} cannot be written${full ? ": the disk is full" : `: ${asError(error).message}`}`,
    { cause: error },
  );
}

/** Whether a folder is one that `millrace start` uses. */
export function isDataFolder(dir: string): boolean {
  try {
    JSON.parse(readFileSync(join(dir, "millrace.json"), "utf8"));
    return true;
  } catch {
    return false;
  }
}
