// One address for a server, whichever that is now, whose connections can all be cut.
import { createServer, connect as dial } from "node:net";

export function startProxy(portNow) {
  const open = new Set();
  const server = createServer((inward) => {
    const outward = dial(portNow(), "127.0.0.1");
    for (const [a, b] of [
      [inward, outward],
      [outward, inward],
    ]) {
      open.add(a);
      a.pipe(b);
      a.on("error", () => b.destroy());
      a.on("close", () => {
        open.delete(a);
        b.destroy();
      });
    }
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve({
        port: server.address().port,
        cut() {
          for (const socket of open) socket.destroy();
        },
        close() {
          this.cut();
          server.close();
        },
      }),
    ),
  );
}
