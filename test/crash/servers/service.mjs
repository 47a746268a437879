// A server of test/services behind an address of its own, so that its connections can be cut.
import { startService } from "../../../examples/common/services.mjs";
import { startProxy } from "../proxy.mjs";

/** As `startService`; `port` is the one that Millrace is told. */
export async function serviceServer(name, env) {
  const service = await startService(name, env);
  const proxy = await startProxy(() => service.port);
  return {
    direct: service,
    port: proxy.port,
    start: () => service.start(),
    async halt(gently = true) {
      await (gently ? service.halt() : service.kill());
    },
    kill: () => service.kill(),
    cut: () => proxy.cut(),
    async stop() {
      proxy.close();
      await service.stop();
    },
  };
}
