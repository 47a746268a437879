import type { SourceTaskContext } from "../../connect/api/source.js";
import { identifier, literal } from "./catalog.js";
import { formatLsn } from "./lsn.js";
import type { PostgresSettings } from "./settings.js";
import { errorOf, type WireSession } from "./wire-session.js";

/** SQLSTATE object_in_use: another walsender has the slot, perhaps one whose end the server has not noticed. */
const inUse = "55006";

/** Starts streaming from the slot, waiting while another process still holds it. @throws ServerError */
export async function startReplication(
  open: () => Promise<WireSession>,
  settings: PostgresSettings,
  from: number,
  context: SourceTaskContext,
): Promise<WireSession> {
  const { config } = settings;
  for (let attempt = 0; ; attempt++) {
    const session = await open();
    try {
      const [version] = await session.query("SHOW server_version_num");
      session.sendQuery(statement(settings, from, Number(version![0])));
      for (;;) {
        const { type, body } = await session.message();
        if (type === 87) return session; // CopyBothResponse
        if (type === 69) throw errorOf(body);
      }
    } catch (e) {
      session.close();
      if ((e as { sqlState?: string }).sqlState !== inUse || attempt >= config.number("slot.max.retries")) throw e;
      context.logger.warn("the replication slot is in use", { slot: config.string("slot.name"), attempt: attempt + 1 });
      await context.clock.sleep(config.number("slot.retry.delay.ms"), context.signal);
    }
  }
}

function statement(settings: PostgresSettings, from: number, version: number): string {
  const { config } = settings;
  const options: Record<string, string> = { proto_version: "1", publication_names: identifier(config.string("publication.name")) };
  if (version >= 140000) options["messages"] = "true";
  const more = config.optionalString("slot.stream.params");
  for (const pair of more?.split(";") ?? []) {
    const at = pair.indexOf("=");
    if (at > 0) options[pair.slice(0, at).trim()] = pair.slice(at + 1).trim();
  }
  const list = Object.entries(options).map(([k, v]) => `"${k}" ${literal(v)}`);
  return `START_REPLICATION SLOT ${identifier(config.string("slot.name"))} LOGICAL ${formatLsn(from)} (${list.join(", ")})`;
}
