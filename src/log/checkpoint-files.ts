import * as fs from "node:fs";
import { basename, join } from "node:path";
import { diskError, replaceFile, syncFolder } from "./files.js";

/** Small text files in Kafka's form: a version line, a count, then one line an entry. */
function readCheckpoint(path: string): string[][] | undefined {
  let text: string;
  try {
    text = fs.readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw diskError(error, "read", path);
  }
  const lines = text.trimEnd().split("\n");
  if (lines[0] !== "0" || Number(lines[1]) !== lines.length - 2) return undefined;
  return lines.slice(2).map((line) => line.split(" "));
}

function encodeCheckpoint(entries: readonly (readonly (string | number)[])[]): Buffer {
  return Buffer.from(`${["0", String(entries.length), ...entries.map((e) => e.join(" "))].join("\n")}\n`);
}

/** One offset of this partition: `log-start-offset-checkpoint`, `cleaner-offset-checkpoint`. */
export function readOffsetCheckpoint(dir: string, name: string): number | undefined {
  const value = Number(readCheckpoint(join(dir, name))?.[0]?.at(-1) ?? "none");
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

export function encodeOffsetCheckpoint(dir: string, offset: number): Buffer {
  const folder = basename(dir);
  const dash = folder.lastIndexOf("-");
  const tp = dash > 0 ? [folder.slice(0, dash), folder.slice(dash + 1)] : [folder, "0"];
  return encodeCheckpoint([[...tp, offset]]);
}

export async function writeOffsetCheckpoint(dir: string, name: string, offset: number): Promise<void> {
  try {
    await replaceFile(join(dir, name), encodeOffsetCheckpoint(dir, offset));
    await syncFolder(dir);
  } catch (error) {
    throw diskError(error, "write", join(dir, name));
  }
}

export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

export function readLeaderEpochs(dir: string): EpochStart[] {
  const entries = (readCheckpoint(join(dir, "leader-epoch-checkpoint")) ?? []).map(([epoch, start]) => ({
    epoch: Number(epoch),
    startOffset: Number(start),
  }));
  return entries.filter((e) => Number.isSafeInteger(e.epoch) && Number.isSafeInteger(e.startOffset));
}

/** `leader-epoch-checkpoint` as bytes. */
export function encodeLeaderEpochs(epochs: readonly EpochStart[]): Buffer {
  return encodeCheckpoint(epochs.map((e) => [e.epoch, e.startOffset]));
}

/** Kafka's `partition.metadata`. @param topicId a UUID in 22 characters of base64url */
export function writePartitionMetadata(dir: string, topicId: string): void {
  const path = join(dir, "partition.metadata");
  const text = `version: 0\ntopic_id: ${topicId}`;
  try {
    if (fs.existsSync(path) && fs.readFileSync(path, "utf8") === text) return;
    fs.writeFileSync(path, text);
  } catch (error) {
    throw diskError(error, "write", path);
  }
}
