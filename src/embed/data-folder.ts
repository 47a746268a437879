import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MillraceError } from "../common/errors.js";

/** The layout's version: a folder of a newer one is refused, an older one is brought up. */
export const DATA_VERSION = 1;

const held = new Set<string>();

export interface DataFolder {
  readonly path: string;
  release(): void;
}

/**
 * Makes the folder where it is missing and locks it for this process.
 * @throws MillraceError DATA_FOLDER_LOCKED, DATA_FOLDER_VERSION, DISK_FAILED
 */
export function openDataFolder(path: string): DataFolder {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new MillraceError("DISK_FAILED", `the data folder ${path} cannot be made: ${(error as Error).message}`, { cause: error });
  }
  const lock = join(path, "lock");
  acquire(lock, path);
  try {
    checkVersion(path);
  } catch (error) {
    rmSync(lock, { force: true });
    held.delete(lock);
    throw error;
  }
  return {
    path,
    release() {
      held.delete(lock);
      rmSync(lock, { force: true });
    },
  };
}

function checkVersion(path: string): void {
  const file = join(path, "millrace.json");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    writeFileSync(`${file}.tmp`, `${JSON.stringify({ version: DATA_VERSION })}\n`);
    renameSync(`${file}.tmp`, file); // a crash between the two leaves no half-written version that would refuse the folder
    return;
  }
  const { version } = JSON.parse(text) as { version: number };
  if (version > DATA_VERSION)
    throw new MillraceError(
      "DATA_FOLDER_VERSION",
      `${path} was written by a newer Millrace (data version ${version}, this one knows ${DATA_VERSION})`,
    );
}

/** `pid start-time`: a pid that was given to another process in between does not hold the lock. */
function identity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    try {
      process.kill(pid, 0);
      return `${pid} -`;
    } catch {
      return undefined;
    }
  }
}

function acquire(lock: string, path: string): void {
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, identity(process.pid)!);
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        linkSync(mine, lock); // atomic: of two processes that start at once, one gets EEXIST
        held.add(lock);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const owner = read(lock);
      if (owner === undefined) continue;
      const pid = Number(owner.split(" ")[0]);
      const alive = pid === process.pid ? held.has(lock) : identity(pid) === owner;
      if (alive)
        throw new MillraceError(
          "DATA_FOLDER_LOCKED",
          `the data folder ${path} is in use by process ${pid}; stop it, or give another folder with --dir`,
        );
      bury(lock, owner);
    }
    throw new MillraceError("DATA_FOLDER_LOCKED", `the data folder ${path} is being taken by another process`);
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Takes a dead process's lock away, and puts back one that a third process made in between. */
function bury(lock: string, owner: string): void {
  const grave = `${lock}.${process.pid}.stale`;
  try {
    renameSync(lock, grave);
    if (read(grave) !== owner) linkSync(grave, lock);
  } catch (error) {
    if (!["ENOENT", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  rmSync(grave, { force: true });
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
