import { closeSync, openSync, writeSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { MillraceError } from "../common/errors.js";

/** A file that gets all that the shell shows, and what was typed, while it is on. */
export class Spool {
  private file: number | undefined;

  /** @throws MillraceError CONFIG_INVALID where the file cannot be written */
  open(path: string): void {
    this.close();
    try {
      this.file = openSync(path, "w");
    } catch (error) {
      throw new MillraceError("CONFIG_INVALID", `SPOOL: ${path} cannot be written: ${(error as Error).message}`, { cause: error });
    }
  }

  write(text: string): void {
    if (this.file !== undefined) writeSync(this.file, stripVTControlCharacters(text));
  }

  /** Returns whether it was on. */
  close(): boolean {
    if (this.file === undefined) return false;
    closeSync(this.file);
    this.file = undefined;
    return true;
  }
}
