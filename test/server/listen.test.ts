import http2 from "node:http2";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/common/logger.js";
import { type Listener, listen } from "../../src/server/listen.js";

const open: Listener[] = [];
afterEach(async () => {
  for (const l of open.splice(0)) await l.close(50);
});

async function start(extra: Partial<Parameters<typeof listen>[1]> = {}): Promise<Listener> {
  const listener = await listen(
    (app) => {
      app.post("/echo", async (request) => ({ version: request.raw.httpVersion, body: request.body, who: request.principal }));
      app.get("/hang", () => new Promise(() => {}));
    },
    { port: 0, logger: silentLogger, http2: true, ...extra },
  );
  open.push(listener);
  return listener;
}

function overHttp2(url: string, path: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(url);
    session.on("error", reject);
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/json" });
    let text = "";
    let status = 0;
    stream.on("response", (headers) => (status = Number(headers[":status"])));
    stream.setEncoding("utf8").on("data", (d) => (text += d));
    stream.on("end", () => {
      session.close();
      resolve({ status, text });
    });
    stream.end(body);
  });
}

describe("listen", () => {
  test("answers HTTP/1.1 and h2c on one port from the same routes", async () => {
    const { url } = await start();
    const one = await fetch(`${url}/echo`, { method: "POST", body: '{"a":1}', headers: { "content-type": "application/json" } });
    expect(await one.json()).toEqual({ version: "1.1", body: { a: 1 }, who: null });
    const two = await overHttp2(url, "/echo", '{"a":2}');
    expect(JSON.parse(two.text)).toEqual({ version: "2.0", body: { a: 2 }, who: null });
  });

  test("closes at once while clients keep idle connections open", async () => {
    const { url, close } = await start();
    await (await fetch(`${url}/echo`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } })).text();
    const session = http2.connect(url);
    await new Promise((resolve) => session.once("connect", resolve));
    const before = performance.now();
    await close(30_000);
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test("tells the protocols apart when the first bytes come one by one", async () => {
    const { port } = await start();
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    let text = "";
    socket.setEncoding("utf8").on("data", (d) => (text += d));
    for (const c of "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}") {
      socket.write(c);
      await new Promise((r) => setImmediate(r));
    }
    await new Promise((r) => socket.once("close", r));
    expect(text).toContain('"version":"1.1"');
  });

  test("says in one sentence that a port is taken", async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({
      code: "PORT_IN_USE",
      message: `Port ${port} on 127.0.0.1 is already in use: stop what listens there, or choose another port.`,
    });
  });

  test("opens an address beyond loopback only with users or when told to", async () => {
    await expect(start({ host: "0.0.0.0" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    const { port } = await start({ host: "0.0.0.0", users: new Map([["ann", "s3cret"]]) });
    const ask = (authorization?: string) =>
      fetch(`http://127.0.0.1:${port}/echo`, {
        method: "POST",
        body: "{}",
        headers: { "content-type": "application/json", ...(authorization ? { authorization } : {}) },
      });
    expect((await ask()).status).toBe(401);
    expect((await ask(`Basic ${Buffer.from("ann:wrong").toString("base64")}`)).status).toBe(401);
    const ok = await ask(`Basic ${Buffer.from("ann:s3cret").toString("base64")}`);
    expect(await ok.json()).toMatchObject({ who: "ann" });
  });

  test("closes within the grace period though a request hangs", async () => {
    const listener = await start();
    const hanging = fetch(`${listener.url}/hang`).catch(() => "dropped");
    await new Promise((r) => setTimeout(r, 50));
    const began = Date.now();
    await listener.close(100);
    expect(Date.now() - began).toBeLessThan(1500);
    expect(await hanging).toBe("dropped");
  });
});
