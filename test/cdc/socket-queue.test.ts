import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { expect, test } from "vitest";
import { socketQueue } from "../../src/cdc/socket-queue.js";

test("what a TLS socket holds already is taken at once, however many records it came in", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-tls-"));
  const key = join(folder, "key.pem");
  const cert = join(folder, "cert.pem");
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "2", "-keyout", key, "-out", cert];
  execFileSync("openssl", request, { stdio: "pipe" });
  const record = Buffer.alloc(200, 7);
  const records = 300;
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, async (socket) => {
    socket.setNoDelay(true);
    for (let i = 0; i < records; i++) await new Promise((resolve) => socket.write(record, resolve));
    socket.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    let pauses = 0;
    const queue = socketQueue(socket, () => {
      pauses++;
      return true;
    });
    const ended = once(socket, "end");
    socket.resume();
    await ended;
    expect(queue.bytes).toBe(records * record.length);
    expect(pauses).toBeLessThan(records / 3);
  } finally {
    socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
