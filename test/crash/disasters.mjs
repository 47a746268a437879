// What can go wrong, one method a kind.
import { run } from "./servers.mjs";

export class Disasters {
  #standbys = 0;
  constructor(servers, { kill }) {
    this.servers = servers;
    this.kill = kill;
  }

  async strike(kind, random) {
    const { source, target } = this.servers;
    const pause = () => new Promise((resolve) => setTimeout(resolve, random() * 800));
    switch (kind) {
      case "kill":
        return this.kill();
      case "source-restart":
      case "target-restart": {
        const server = kind === "source-restart" ? source : target;
        await server.stop(random() < 0.5 ? "fast" : "immediate");
        await pause();
        return server.start();
      }
      case "cut-source":
      case "cut-target": {
        const server = kind === "cut-source" ? source : target;
        return server.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender')",
        );
      }
      case "failover":
        return this.#failover();
      default:
        throw new Error(`no such disaster: ${kind}`);
    }
  }

  /** A synchronous standby takes over in the middle of whatever runs; the old primary never comes back. */
  async #failover() {
    const { servers } = this;
    const old = servers.target;
    const next = await servers.make(`standby-${++this.#standbys}`);
    next.name = "target";
    run(servers.bin, "pg_basebackup", [
      "-h",
      "127.0.0.1",
      "-p",
      String(old.port),
      "-U",
      "postgres",
      "-D",
      next.folder,
      "-R",
      "-X",
      "stream",
      "-c",
      "fast",
    ]);
    await next.start(["-c", "hot_standby=on"]);
    await old.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await old.query("SELECT pg_reload_conf()");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await old.stop("immediate");
    run(servers.bin, "pg_ctl", ["promote", "-D", next.folder, "-w"]);
    servers.target = next;
    servers.proxy.cut();
    await next.query("ALTER SYSTEM SET synchronous_standby_names = ''");
    await next.query("SELECT pg_reload_conf()");
  }
}
