import { Command } from "commander";
import { asError } from "../common/errors.js";
import { RestClient } from "./rest-client.js";
import { table } from "./table.js";

interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}
const processIo: Io = { out: (t) => void process.stdout.write(`${t}\n`), err: (t) => void process.stderr.write(`${t}\n`) };

interface Filter {
  readonly url: string;
  readonly connector?: string;
  readonly query?: string;
  readonly topic?: string;
  readonly stage?: string;
  readonly limit?: string;
  readonly force?: boolean;
  readonly all?: boolean;
}
interface Summary {
  readonly id: string;
  readonly owner: { readonly kind: string; readonly name: string };
  readonly stage: string;
  readonly time: string;
  readonly message: string;
}

/** `millrace errors list|show|replay|delete`: the error store from the command line. */
export function errorsCommand(io: Io = processIo): Command {
  const command = new Command("errors").description("Records that were set aside: look at them, send them back, delete them.");
  const run =
    (act: (client: RestClient, options: Filter, id: string | undefined) => Promise<void>, sub: Command) =>
    async (id: string | undefined) => {
      const options = sub.opts<Filter>();
      try {
        await act(new RestClient(options.url), options, typeof id === "string" ? id : undefined);
      } catch (error) {
        io.err(asError(error).message);
        process.exitCode = 1;
      }
    };
  const sub = (name: string, description: string, filters: boolean) => {
    const made = command.command(name).description(description).option("--url <url>", "the console's port", "http://127.0.0.1:9021");
    if (filters)
      made
        .option("--connector <name>", "of this connector")
        .option("--query <name>", "of this query")
        .option("--topic <name>", "of this topic")
        .option("--stage <stage>", "source, deserialize, transform, convert, sink or query");
    return made;
  };

  const list = sub("list", "What was set aside, newest first", true).option("--limit <n>", "at most so many", "50");
  list.action(
    run(async (client, options) => {
      const { total, errors } = await client.call<{ total: number; errors: Summary[] }>("GET", `/errors?${query(options)}`);
      if (total === 0) io.out("Nothing was set aside.");
      else {
        const rows = errors.map((e) => [e.id, e.stage, e.time, e.message]);
        io.out(table(["Id", "Stage", "Time", "Cause"], rows, process.stdout.columns ?? 0));
        if (total > errors.length) io.out(`${total - errors.length} more`);
      }
    }, list),
  );

  const show = sub("show", "One record with its cause, key, value and headers", false).argument("<id>");
  show.action(
    run(async (client, _options, id) => {
      io.out(JSON.stringify(await client.call("GET", `/errors/${encodeURIComponent(id!)}`), null, 2));
    }, show),
  );

  const replay = sub("replay", "Send a record, or all that the filters choose, back through the stage where it failed", true)
    .argument("[id]")
    .option("--all", "all that the filters choose")
    .option("--force", "even where a later record of the same key was delivered");
  replay.action(
    run(async (client, options, id) => {
      const force = options.force ? "force=true" : "";
      if (id !== undefined) {
        await client.call("POST", `/errors/${encodeURIComponent(id)}/replay?${force}`);
        io.out(`${id} was sent back and is off the list.`);
        return;
      }
      needFilter(options);
      const answer = await client.call<{ replayed: string[]; refused: { id: string; message: string }[] }>(
        "POST",
        `/errors/replay?${query(options)}&${force}`,
      );
      io.out(`${answer.replayed.length} sent back, ${answer.refused.length} refused`);
      for (const r of answer.refused) io.out(`  ${r.id}: ${r.message}`);
      if (answer.refused.length) process.exitCode = 1;
    }, replay),
  );

  const remove = sub("delete", "Forget a record, or all that the filters choose", true)
    .argument("[id]")
    .option("--all", "all that the filters choose");
  remove.action(
    run(async (client, options, id) => {
      if (id !== undefined) {
        await client.call("DELETE", `/errors/${encodeURIComponent(id)}`);
        io.out(`${id} was deleted.`);
        return;
      }
      needFilter(options);
      io.out(`${(await client.call<{ deleted: number }>("DELETE", `/errors?${query(options)}`)).deleted} deleted`);
    }, remove),
  );
  return command;
}

function needFilter(o: Filter): void {
  if (!o.all && !o.connector && !o.query && !o.topic && !o.stage)
    throw new Error("name an id, a filter (--connector, --query, --topic, --stage), or --all");
}

function query(options: Filter): string {
  const params = new URLSearchParams();
  for (const key of ["connector", "query", "topic", "stage", "limit"] as const)
    if (options[key] !== undefined) params.set(key, options[key]);
  return params.toString();
}
