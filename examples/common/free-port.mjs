import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * A port that nobody listens on, below those that the system gives to outgoing connections (32768 and up by default): one of those
 * might be taken by a connection before the server that it is for has started.
 * @returns {Promise<number>}
 */
export function freePort() {
  const port = randomInt(15_000, 32_000);
  return new Promise((resolve) => {
    const probe = createServer()
      .once("error", () => resolve(freePort()))
      .listen(port, "127.0.0.1", () => probe.close(() => resolve(port)));
  });
}
