import type { Server } from "node:net";
import { MillraceError } from "./errors.js";

/**
 * Resolves once the server listens; its error listeners are gone then.
 * @throws MillraceError PORT_IN_USE; CONFIG_INVALID for an address that cannot be bound
 */
export function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE")
        reject(
          new MillraceError("PORT_IN_USE", `Port ${port} on ${host} is already in use: stop what listens there, or choose another port.`),
        );
      else reject(new MillraceError("CONFIG_INVALID", `Cannot listen on ${host}:${port}: ${error.message}`, { cause: error }));
    });
    server.listen({ port, host }, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
}
