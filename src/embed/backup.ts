import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
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
  readonly files: Readonly<Record<string, number>>;
}

const manifestName = "backup.json";

/**
 * Copies one consistent cut of a data folder into `target`, while the process that owns the folder goes on. State of queries is
 * left out: it is rebuilt from its changelogs.
 *
 * Appends are synchronous and files only grow or are replaced by a rename, so links and sizes taken within one turn of the
 * event loop are the log as it was at one moment; the copying afterwards takes its time.
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
    for (const [name, size] of files) {
      await copyStart(join(staging, name), join(into, name), size);
      bytes += size;
    }
    const manifest: Manifest = { version: DATA_VERSION, takenAt: new Date().toISOString(), files: Object.fromEntries(files) };
    // last and by rename: a backup without it was cut short, and `restore` refuses it
    await writeFile(join(into, `${manifestName}.tmp`), JSON.stringify(manifest));
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
  for (const [name, size] of Object.entries(manifest.files)) {
    const there = await stat(join(source, name)).catch(() => undefined);
    if (there?.size !== size)
      throw new MillraceError(
        "DATA_INVALID",
        `the backup is damaged: ${name} should have ${size} bytes and ${there ? `has ${there.size}` : "is missing"}`,
      );
  }
  let bytes = 0;
  try {
    for (const [name, size] of Object.entries(manifest.files)) {
      await copyStart(join(source, name), join(dir, name), size);
      bytes += size;
    }
  } catch (error) {
    throw onDisk(error, dir);
  }
  return { directory: resolve(dir), files: Object.keys(manifest.files).length, bytes };
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
    linkSync(path, join(staging, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  files.set(name, statSync(path).size);
}

/** The first `size` bytes: what was appended later belongs to another cut. */
async function copyStart(from: string, to: string, size: number): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
  const file = await open(to, "r+");
  try {
    await file.truncate(size);
    await file.datasync();
  } finally {
    await file.close();
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
