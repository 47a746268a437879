import { createRequire } from "node:module";
import * as zlib from "node:zlib";
import { MillraceError } from "../common/errors.js";
import { zstd } from "../common/zstd.js";
import type { CompressionType } from "./record-batch.js";

/** What a batch may grow to: a small batch that claims to hold more is refused instead of taking the process's memory. */
const MAX_DECOMPRESSED = 256 * 1024 * 1024;

const require = createRequire(import.meta.url);

interface WasmCodecs {
  lz4Compress(bytes: Buffer): Buffer;
  lz4Decompress(bytes: Buffer): Buffer;
  snappyCompress(bytes: Buffer): Buffer;
  snappyDecompress(bytes: Buffer): Buffer;
}

let wasmCodecs: WasmCodecs | undefined;
function wasm(): WasmCodecs {
  return (wasmCodecs ??= require("@platformatic/wasm-utils") as WasmCodecs);
}

/** @throws MillraceError UNSUPPORTED where the compression's library is missing */
export function compress(type: CompressionType, bytes: Buffer): Buffer {
  switch (type) {
    case "none":
      return bytes;
    case "gzip":
      return zlib.gzipSync(bytes);
    case "snappy":
      return xerialCompress(bytes);
    case "lz4":
      return wasm().lz4Compress(bytes);
    case "zstd":
      return zstd().compress(bytes);
  }
}

/** @throws MillraceError UNSUPPORTED where the compression's library is missing, DATA_INVALID where the bytes are not of that kind */
export function decompress(type: CompressionType, bytes: Buffer): Buffer {
  try {
    if (bytes.length === 0 && type !== "none") throw new Error("no data");
    switch (type) {
      case "none":
        return bytes;
      case "gzip":
        return zlib.gunzipSync(bytes, { maxOutputLength: MAX_DECOMPRESSED });
      case "snappy":
        return snappyDecompress(bytes);
      case "lz4":
        // checked here because a trap inside the WebAssembly module leaks what it had allocated
        if (bytes.length < 7 || bytes.readUInt32LE(0) !== 0x184d2204) throw new Error("no LZ4 frame");
        return wasm().lz4Decompress(bytes);
      case "zstd":
        return zstd().decompress(bytes, MAX_DECOMPRESSED);
    }
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    throw new MillraceError("DATA_INVALID", `the batch's ${type} data does not decompress`, { cause });
  }
}

/** What Java clients write: xerial's stream of magic, version, compatible version, then chunks with an i32 length. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const XERIAL_HEADER = Buffer.concat([XERIAL_MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);
const XERIAL_CHUNK = 32 * 1024;

function xerialCompress(bytes: Buffer): Buffer {
  const parts: Buffer[] = [XERIAL_HEADER];
  for (let at = 0; at < bytes.length; at += XERIAL_CHUNK) {
    const chunk = wasm().snappyCompress(bytes.subarray(at, at + XERIAL_CHUNK));
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(chunk.length);
    parts.push(length, chunk);
  }
  return Buffer.concat(parts);
}

/** xerial's stream, or one raw block as clients in C and Go write it */
function snappyDecompress(bytes: Buffer): Buffer {
  if (bytes.length < 16 || !bytes.subarray(0, 8).equals(XERIAL_MAGIC)) return snappyBlock(bytes);
  const parts: Buffer[] = [];
  let total = 0;
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at >= 16 && bytes[at] === 0x82 && bytes.subarray(at, at + 8).equals(XERIAL_MAGIC)) {
      at += 16;
      continue;
    }
    const length = bytes.readInt32BE(at);
    if (length < 0 || at + 4 + length > bytes.length) throw new Error("a chunk does not fit");
    const part = snappyBlock(bytes.subarray(at + 4, at + 4 + length));
    if ((total += part.length) > MAX_DECOMPRESSED) throw new Error("too large");
    parts.push(part);
    at += 4 + length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total);
}

function snappyBlock(bytes: Buffer): Buffer {
  let length = 0;
  for (let i = 0, scale = 1; ; i++, scale *= 128) {
    const byte = bytes[i];
    if (byte === undefined || i > 4) throw new Error("no length");
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  // no Snappy element makes more than 64 bytes out of 3, so a longer claim is no Snappy block
  if (length > MAX_DECOMPRESSED || length > bytes.length * 64) throw new Error("no Snappy block");
  return length === 0 ? Buffer.alloc(0) : wasm().snappyDecompress(bytes);
}
