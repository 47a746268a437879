import Module from "node:module";
import * as zlib from "node:zlib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

/** Node's own loader, made to miss the native packages as on a platform without prebuilt ones. */
const loader = Module as unknown as { _load: (request: string, ...rest: unknown[]) => unknown };
const load = loader._load;

beforeEach(() => {
  vi.resetModules();
  loader._load = function (request, ...rest) {
    if (request === "zstd-napi" || request === "@node-rs/crc32") throw new Error(`Cannot find module '${request}'`);
    return load.call(this, request, ...rest);
  };
});
afterEach(() => {
  loader._load = load;
  vi.resetModules();
});

test("without the native CRC package batches are made and checked in JavaScript", async () => {
  const { crc32c, crc32cIsNative } = await import("../../src/protocol/crc32c.js");
  expect(crc32cIsNative).toBe(false);
  expect(crc32c(Buffer.from("..123456789"), 2)).toBe(0xe3069283);
});

const builtIn = "zstdCompressSync" in zlib;
test.skipIf(builtIn)(`without zstd the codec says what is needed${builtIn ? " (not run: this Node has zstd built in)" : ""}`, async () => {
  const { compress, decompress } = await import("../../src/protocol/compression.js");
  const unsupported = expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringContaining("zstd-napi") });
  expect(() => compress("zstd", Buffer.from("a"))).toThrowError(unsupported);
  expect(() => decompress("zstd", Buffer.from("a"))).toThrowError(unsupported);
  expect(decompress("gzip", compress("gzip", Buffer.from("a"))).toString()).toBe("a");
});
