import { MillraceError } from "../common/errors.js";
import type { CompressionType } from "./record-batch.js";

/** @throws MillraceError UNSUPPORTED where the compression's library is missing */
export function compress(type: CompressionType, bytes: Buffer): Buffer {
  if (type === "none") return bytes;
  throw new MillraceError("UNSUPPORTED", `compression ${type}`);
}

/** @throws MillraceError UNSUPPORTED where the compression's library is missing, DATA_INVALID where the bytes are not of that kind */
export function decompress(type: CompressionType, bytes: Buffer): Buffer {
  if (type === "none") return bytes;
  throw new MillraceError("UNSUPPORTED", `compression ${type}`);
}
