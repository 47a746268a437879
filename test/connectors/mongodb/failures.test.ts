import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import {
  BSON,
  MongoBulkWriteError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoServerError,
  MongoUnexpectedServerResponseError,
} from "mongodb";
import { describe, expect, test } from "vitest";
import { classify } from "../../../src/connectors/mongodb/failures.js";

/** What Node gives to whoever writes after the other side has closed. */
async function ended(): Promise<Error> {
  const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.resume();
  await once(socket, "end");
  const failed = once(socket, "error");
  socket.write("x");
  const [error] = (await failed) as [Error];
  server.close();
  return error;
}

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("what a failed write means", () => {
  test("a connection that breaks while the driver writes is no fault of the document", async () => {
    const error = await ended();
    expect(error.message).toMatch(/ended by the other party|EPIPE/);
    expect(classify(error)).toBe("passing");
    expect(classify(new MongoBulkWriteError(error as never, {} as never))).toBe("passing");
    for (const code of ["ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "ERR_STREAM_DESTROYED", "ERR_SSL_WRONG_VERSION_NUMBER"])
      expect(classify(Object.assign(new Error(code), { code }))).toBe("passing");
    expect(classify(new MongoNetworkError("closed"))).toBe("passing");
  });

  test("a document that cannot be encoded is refused", () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    expect(classify(thrown(() => BSON.serialize(circular)))).toBe("refused");
    expect(classify(Object.assign(new RangeError("too large"), { code: "ERR_OUT_OF_RANGE" }))).toBe("refused");
    expect(classify(new MongoInvalidArgumentError("update operations must be atomic"))).toBe("refused");
  });

  test("an answer that makes no sense may pass, and codes mean what the server's catalogue says", () => {
    expect(classify(new MongoUnexpectedServerResponseError("no cursor"))).toBe("doubtful");
    const answer = (code: number) => new MongoServerError({ message: "no", code });
    expect([112, 11600, 11000, 13, 121].map((code) => classify(answer(code)))).toEqual([
      "passing",
      "passing",
      "doubtful",
      "permanent",
      "refused",
    ]);
  });
});
