import { readFileSync } from "node:fs";
import { Command } from "commander";
import { asError } from "../common/errors.js";
import { RestClient } from "./rest-client.js";
import { table } from "./table.js";

interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}
const processIo: Io = { out: (t) => void process.stdout.write(`${t}\n`), err: (t) => void process.stderr.write(`${t}\n`) };

interface State {
  readonly state: string;
  readonly trace?: string;
}
interface Status {
  readonly name: string;
  readonly type: string;
  readonly connector: State;
  readonly tasks: readonly (State & { readonly id: number })[];
}
interface Options {
  readonly url: string;
}

const at = (name: string, rest = "") => `/connectors/${encodeURIComponent(name)}${rest}`;

/** `millrace connectors …`: Kafka Connect's REST from the command line. */
export function connectorsCommand(io: Io = processIo): Command {
  const command = new Command("connectors").description("List, create, look at and steer connectors.");
  const add = <A extends unknown[]>(name: string, description: string, run: (client: RestClient, ...args: A) => Promise<void>) => {
    const sub = command
      .command(name, { isDefault: name === "list" })
      .description(description)
      .option("--url <url>", "the Connect REST interface", "http://127.0.0.1:8083");
    return sub.action(async (...args: unknown[]) => {
      const options = sub.opts<Options>();
      try {
        await run(new RestClient(options.url), ...(args.slice(0, -2) as A), ...([options] as unknown as []));
      } catch (error) {
        io.err(asError(error).message);
        process.exitCode = 1;
      }
    });
  };
  add("list", "All connectors with their states, and why one failed", async (client) => {
    const all = await client.call<Record<string, { status: Status }>>("GET", "/connectors?expand=status");
    const rows = Object.values(all).map(({ status: s }) => [s.name, s.type, s.connector.state, tasksText(s)]);
    io.out(rows.length ? table(["Name", "Type", "State", "Tasks"], rows) : "There are no connectors.");
    for (const { status: s } of Object.values(all)) {
      if (s.connector.state === "FAILED") io.out(`${s.name}: ${(s.connector.trace ?? "failed").split("\n")[0]}`);
      for (const t of s.tasks) if (t.state === "FAILED") io.out(`${s.name} task ${t.id}: ${(t.trace ?? "failed").split("\n")[0]}`);
    }
  });
  add<[string]>("status <name>", "A connector's and its tasks' states, with what went wrong", async (client, name) => {
    const s = await client.call<Status>("GET", at(name, "/status"));
    io.out(`${s.name} (${s.type}): ${s.connector.state}${s.connector.trace ? `\n${s.connector.trace}` : ""}`);
    for (const t of s.tasks) io.out(`  task ${t.id}: ${t.state}${t.trace ? `\n    ${t.trace.replaceAll("\n", "\n    ")}` : ""}`);
  });
  add<[string]>("create <file>", "Create the connector of a JSON file ({name, config}), or give it the config", async (client, file) => {
    const text = readFileSync(file === "-" ? 0 : file, "utf8");
    const given = JSON.parse(text) as { name?: string; config?: Record<string, unknown> };
    const config = given.config ?? (given as Record<string, unknown>);
    const name = given.name ?? String(config["name"] ?? "");
    if (!name) throw new Error(`${file} names no connector`);
    const made = await client.call<{ name: string; type: string }>("PUT", at(name, "/config"), config);
    io.out(`${made.name} (${made.type}) is stored and started.`);
  });
  add<[string]>("config <name>", "A connector's config; secrets are hidden", async (client, name) => {
    io.out(JSON.stringify(await client.call("GET", at(name, "/config")), null, 2));
  });
  add<[string]>("offsets <name>", "Where a connector is", async (client, name) => {
    io.out(JSON.stringify(await client.call("GET", at(name, "/offsets")), null, 2));
  });
  add<[string]>("validate <file>", "Check a connector's JSON file without creating it", async (client, file) => {
    const given = JSON.parse(readFileSync(file === "-" ? 0 : file, "utf8")) as { config?: Record<string, string> } & Record<string, string>;
    const config: Record<string, string> = given.config ? { name: given["name"] ?? "", ...given.config } : given;
    const answer = await client.call<{
      error_count: number;
      configs: { definition: { documentation: string }; value: { name: string; errors: string[] } }[];
    }>("PUT", `/connector-plugins/${encodeURIComponent(config["connector.class"] ?? "")}/config/validate`, config);
    for (const { value, definition } of answer.configs) {
      for (const error of value.errors) io.out(`${value.name}: ${error}`);
      if (/is not a setting of/.test(definition.documentation)) io.out(`note: ${definition.documentation}`);
    }
    if (answer.error_count) throw new Error(`${answer.error_count} error(s)`);
    io.out("The config is valid.");
  });
  for (const [verb, description] of [
    ["pause", "Stop its tasks from working; they stay up"],
    ["resume", "Let it work again"],
    ["stop", "Take its tasks down; its offsets can be changed then"],
  ] as const)
    add<[string]>(`${verb} <name>`, description, async (client, name) => {
      await client.call("PUT", at(name, `/${verb}`));
      io.out(`${name}: ${verb} asked for.`);
    });
  add<[string]>("restart <name>", "Restart it and all its tasks", async (client, name) => {
    await client.call("POST", at(name, "/restart?includeTasks=true"));
    io.out(`${name} was restarted.`);
  });
  add<[string]>("delete <name>", "Delete it; its offsets stay, and one of the same name goes on from them", async (client, name) => {
    await client.call("DELETE", at(name));
    io.out(`${name} was deleted.`);
  });
  add("plugins", "Connectors, converters and transforms that there are", async (client) => {
    const all = await client.call<{ class: string; type: string; version: string }[]>("GET", "/connector-plugins?connectorsOnly=false");
    io.out(
      table(
        ["Class", "Type", "Version"],
        all.map((p) => [p.class, p.type, p.version]),
      ),
    );
  });
  return command;
}

function tasksText(s: Status): string {
  const failed = s.tasks.filter((t) => t.state === "FAILED").length;
  return failed ? `${s.tasks.length} (${failed} failed)` : String(s.tasks.length);
}
