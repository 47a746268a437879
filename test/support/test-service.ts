import { startService } from "../../examples/common/services.mjs";

/** A real server of its own for a test file. */
export interface TestService<C> {
  readonly port: number;
  /** A connected client; closed by `stop`. */
  client(): Promise<C>;
  kill(): Promise<void>;
  /** Starts it again with the data that it had. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * With `MILLRACE_TEST_NAME` set to a port, that running server is used, started by `test/services/NAME.sh`.
 * @param own never another's: the test kills it
 */
export async function startTestService<C>(
  name: string,
  own: boolean,
  connect: (port: number) => Promise<C>,
  close: (client: C) => Promise<unknown>,
  env: Readonly<Record<string, string>> = {},
): Promise<TestService<C>> {
  const shared = own ? undefined : process.env[`MILLRACE_TEST_${name.toUpperCase()}`];
  const service = shared ? undefined : await startService(name, env);
  const port = service?.port ?? Number(shared);
  const clients: C[] = [];
  return {
    port,
    async client() {
      const client = await connect(port);
      clients.push(client);
      return client;
    },
    kill: async () => service?.kill(),
    restart: async () => void (await service?.start()),
    async stop() {
      await Promise.all(clients.map((client) => close(client).catch(() => {})));
      await service?.stop();
    },
  };
}
