import fc from "fast-check";
import { expect, it } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import { produceAnswer } from "../../../src/server/rest-proxy/v2/produce-answer.js";

it("answers each record's place, whatever the number of digits and of runs", () => {
  const run = fc.record({
    partition: fc.integer({ min: 0, max: 200 }),
    offset: fc.oneof(fc.constantFrom(0, 5, 9, 95, 999, 99_990, 9_999_999_999), fc.maxSafeNat()),
    count: fc.integer({ min: 1, max: 40 }),
    error: fc.option(fc.string(), { nil: undefined }).map((text) => text && new MillraceError("SERIALIZATION", `é ${text}`)),
  });
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 5 }), (runs) => {
      const written = runs.map((r) => ({ ...r, error: r.error || undefined, offset: Math.min(r.offset, Number.MAX_SAFE_INTEGER - 100) }));
      const offsets = written.flatMap(({ partition, offset, count, error }) =>
        Array.from({ length: count }, (_, i) =>
          error
            ? { partition: null, offset: null, error_code: error.retriable ? 2 : 1, error: error.message }
            : { partition, offset: offset + i, error_code: null, error: null },
        ),
      );
      const bytes = produceAnswer(written, null, 7);
      expect(bytes.toString()).toBe(JSON.stringify({ offsets, key_schema_id: null, value_schema_id: 7 }));
    }),
  );
});
