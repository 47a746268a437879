import { expect, it } from "vitest";
import { produceLines } from "../../src/cli/produce.js";
import type { RestClient } from "../../src/cli/rest-client.js";

interface Sent {
  readonly path: string;
  readonly records: readonly { readonly key?: string; readonly value: string | null }[];
}

/** What the REST proxy would be sent. */
function recording(): { client: RestClient; sent: Sent[] } {
  const sent: Sent[] = [];
  const call = (_method: string, path: string, body: unknown) => {
    const { records } = body as Sent;
    sent.push({ path, records });
    return Promise.resolve({
      offsets: records.map((r) => (r.value === null ? { error_code: 2, error: "refused" } : { error_code: null })),
    });
  };
  return { client: { call } as unknown as RestClient, sent };
}
const base64 = (text: string) => Buffer.from(text).toString("base64");

it("splits lines into keys and values, leaves out empty ones, and counts what is refused", async () => {
  const { client, sent } = recording();
  const lines = ["a|1|x", "", "b|NONE", "|2"];
  expect(await produceLines(client, "my topic", lines, { keySeparator: "|", nullMarker: "NONE", partition: 3 })).toEqual({
    count: 2,
    failed: 1,
  });
  expect(sent).toEqual([
    {
      path: "/topics/my%20topic/partitions/3",
      records: [
        { key: base64("a"), value: base64("1|x") },
        { key: base64("b"), value: null },
        { key: base64(""), value: base64("2") },
      ],
    },
  ]);
});

it("sends many lines in several requests, in order, and names the line without a key", async () => {
  const { client, sent } = recording();
  const lines = Array.from({ length: 1203 }, (_, i) => String(i));
  expect(await produceLines(client, "t", lines, {})).toEqual({ count: 1203, failed: 0 });
  expect(sent.map((s) => s.records.length)).toEqual([500, 500, 203]);
  expect(sent.flatMap((s) => s.records.map((r) => r.value))).toEqual(lines.map(base64));
  await expect(produceLines(client, "t", ["a:1", "oops"], { keySeparator: ":" })).rejects.toThrow(
    "line 2 has no : between a key and a value",
  );
});
