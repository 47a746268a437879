import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { RestClient } from "./rest-client.js";

export interface ProduceOptions {
  readonly keySeparator?: string;
  readonly nullMarker?: string;
  readonly partition?: number;
}

interface Answer {
  readonly offsets: readonly { readonly error?: string | null; readonly error_code?: number | null }[];
}

const RECORDS = 500;
const BYTES = 256 * 1024;

/** The lines of a file, or of standard input; empty ones are left out. */
export async function linesOf(file: string | undefined): Promise<AsyncIterable<string>> {
  if (file === undefined) return createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  const input = createReadStream(file);
  await once(input, "open"); // a file that is not there is this call's error
  return createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

/**
 * Writes each line as a record, in order.
 * @throws Error naming the line that has no key separator, or what the proxy says
 */
export async function produceLines(
  client: RestClient,
  topic: string,
  lines: AsyncIterable<string> | Iterable<string>,
  options: ProduceOptions,
): Promise<{ count: number; failed: number }> {
  const path = `/topics/${encodeURIComponent(topic)}${options.partition === undefined ? "" : `/partitions/${options.partition}`}`;
  let count = 0;
  let failed = 0;
  let records: { key?: string; value: string | null }[] = [];
  let bytes = 0;
  const send = async () => {
    if (records.length === 0) return;
    const { offsets } = await client.call<Answer>("POST", path, { records }, "application/vnd.kafka.binary.v2+json");
    const bad = offsets.filter((o) => o.error_code !== null && o.error_code !== undefined).length;
    failed += bad;
    count += offsets.length - bad;
    records = [];
    bytes = 0;
  };
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line === "") continue;
    records.push(recordOf(line, number, options));
    bytes += line.length;
    if (records.length >= RECORDS || bytes >= BYTES) await send();
  }
  await send();
  return { count, failed };
}

function recordOf(line: string, number: number, { keySeparator, nullMarker }: ProduceOptions): { key?: string; value: string | null } {
  const value = (text: string) => (text === nullMarker ? null : base64(text));
  if (keySeparator === undefined) return { value: value(line) };
  const at = line.indexOf(keySeparator);
  if (at < 0) throw new Error(`line ${number} has no ${keySeparator} between a key and a value`);
  return { key: base64(line.slice(0, at)), value: value(line.slice(at + keySeparator.length)) };
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
