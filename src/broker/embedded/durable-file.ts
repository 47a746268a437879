import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "../../log/files.js";

/** Replaces the file as a whole: after a crash it holds the old text or the new, never a part. */
export async function writeDurably(path: string, text: string | Uint8Array): Promise<void> {
  const file = await open(`${path}.tmp`, "w");
  try {
    await file.writeFile(text);
    // The rename must not reach the disk ahead of the content, or a crash leaves an empty file under the good name.
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  await syncFolder(dirname(path));
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
