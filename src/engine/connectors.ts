import { MillraceError } from "../common/errors.js";
import type { ConnectorAdmin, ConnectorStatus } from "../connect/api/admin.js";
import type { Statement } from "../sql/parser/ast.js";
import { type Entity, entity } from "./entities.js";

type Create = Extract<Statement, { kind: "create-connector" }>;
type Drop = Extract<Statement, { kind: "drop-connector" }>;

export function requireConnectors(admin: ConnectorAdmin | undefined): ConnectorAdmin {
  if (!admin) throw new MillraceError("SQL_STATEMENT", "This server runs without connectors.");
  return admin;
}

export async function createConnector(text: string, statement: Create, admin: ConnectorAdmin): Promise<Entity> {
  const { name } = statement;
  const config: Record<string, string> = {};
  for (const [key, value] of Object.entries(statement.properties)) if (value !== null) config[key] = String(value);
  try {
    await admin.create(name, { name, ...config });
  } catch (error) {
    if (error instanceof MillraceError && (error.code === "ALREADY_EXISTS" || error.code === "CONFLICT")) {
      if (statement.ifNotExists) return entity("warning_entity", text, { message: `Connector ${name} already exists` });
      throw new MillraceError("SQL_STATEMENT", `Failed to create connector: Connector ${name} already exists`, { cause: error });
    }
    if (error instanceof MillraceError)
      throw new MillraceError(error.code, `Failed to create connector: ${error.message}`, { cause: error, context: error.context });
    throw error;
  }
  const status = await admin.status(name);
  return entity("connector_info", text, {
    info: {
      name,
      config: await admin.config(name),
      tasks: status.tasks.map((t) => ({ connector: name, task: t.id })),
      type: status.type,
    },
  });
}

export async function dropConnector(text: string, statement: Drop, admin: ConnectorAdmin): Promise<Entity> {
  const { name } = statement;
  try {
    await admin.delete(name);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "NOT_FOUND") throw error;
    if (statement.ifExists) return entity("warning_entity", text, { message: `Connector '${name}' does not exist.` });
    throw new MillraceError("SQL_STATEMENT", `Failed to drop connector: Connector ${name} not found`, { cause: error });
  }
  return entity("drop_connector", text, { connectorName: name });
}

export async function listConnectors(text: string, type: "source" | "sink" | null, admin: ConnectorAdmin): Promise<Entity> {
  const connectors: Record<string, unknown>[] = [];
  const warnings: string[] = [];
  for (const name of await admin.list()) {
    try {
      const status = await admin.status(name);
      if (type !== null && status.type !== type) continue;
      const config = await admin.config(name);
      connectors.push({ name, type: status.type, className: config["connector.class"] ?? "", state: summary(status) });
    } catch (error) {
      warnings.push(`Could not describe connector ${name}: ${(error as Error).message}`);
    }
  }
  return entity("connector_list", text, { connectors }, warnings);
}

function summary(status: ConnectorStatus): string {
  const { state } = status.connector;
  if (state !== "RUNNING") return state;
  const running = status.tasks.filter((t) => t.state === "RUNNING").length;
  const label = running === 0 && status.tasks.length > 0 ? "FAILED" : running < status.tasks.length ? "WARNING" : "RUNNING";
  return `${label} (${running}/${status.tasks.length} tasks RUNNING)`;
}

export async function describeConnector(
  text: string,
  name: string,
  admin: ConnectorAdmin,
  sourcesOn: (topics: readonly string[]) => unknown[],
): Promise<Entity> {
  try {
    const status = await admin.status(name);
    const config = await admin.config(name);
    const topics = await admin.topics(name);
    return entity("connector_description", text, {
      connectorClass: config["connector.class"] ?? "",
      status,
      sources: sourcesOn(topics),
      topics,
    });
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== "NOT_FOUND") throw error;
    throw new MillraceError("SQL_STATEMENT", `Failed to query connector status: No status found for connector ${name}`, { cause: error });
  }
}

export function listConnectorPlugins(text: string, admin: ConnectorAdmin): Entity {
  const shown = admin.plugins().filter((p) => p.type === "source" || p.type === "sink");
  return entity("connector_plugins_list", text, {
    connectorsPlugins: shown.map((p) => ({ className: p.class, type: p.type, version: p.version })),
  });
}
