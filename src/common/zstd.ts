import { createRequire } from "node:module";
import * as zlib from "node:zlib";
import { MillraceError } from "./errors.js";

export interface Zstd {
  compress(bytes: Buffer): Buffer;
  /** @param max bytes that Node's own refuses to go beyond */
  decompress(bytes: Buffer, max: number): Buffer;
}

let codec: Zstd | undefined;

/**
 * Node's own zstd, or else the optional package.
 * @throws MillraceError UNSUPPORTED where there is neither
 */
export function zstd(): Zstd {
  return (codec ??= load());
}

function load(): Zstd {
  const builtIn = zlib as unknown as {
    zstdCompressSync?: (bytes: Buffer) => Buffer;
    zstdDecompressSync?: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer;
  };
  const { zstdCompressSync, zstdDecompressSync } = builtIn;
  if (zstdCompressSync && zstdDecompressSync)
    return { compress: (b) => zstdCompressSync(b), decompress: (b, max) => zstdDecompressSync(b, { maxOutputLength: max }) };
  try {
    const { compress, decompress } = createRequire(import.meta.url)("zstd-napi") as Record<
      "compress" | "decompress",
      (b: Buffer) => Buffer
    >;
    return { compress: (b) => compress(b), decompress: (b) => decompress(b) };
  } catch (cause) {
    throw new MillraceError("UNSUPPORTED", "compression zstd needs Node 22.15 or later, or the optional package zstd-napi", { cause });
  }
}
