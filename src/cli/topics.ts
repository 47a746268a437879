import { Command } from "commander";
import { asError } from "../common/errors.js";
import { linesOf, type ProduceOptions, produceLines } from "./produce.js";
import { renderEntity } from "./render.js";
import { RestClient } from "./rest-client.js";
import { SqlClient } from "./sql-client.js";
import { table } from "./table.js";

interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}
const processIo: Io = { out: (t) => void process.stdout.write(`${t}\n`), err: (t) => void process.stderr.write(`${t}\n`) };

interface TopicDetails {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly { readonly partition: number; readonly earliest: number; readonly latest: number }[];
  readonly configs: readonly { readonly name: string; readonly value: string; readonly source: string }[];
}

/** `millrace topics list|describe|tail`, through the SQL server's port, and `produce`, through the REST proxy's. */
export function topicsCommand(io: Io = processIo): Command {
  const command = new Command("topics").description("List, describe, read and write topics.");
  const action =
    <A extends unknown[]>(run: (...args: A) => Promise<void>) =>
    async (...args: A) => {
      try {
        await run(...args);
      } catch (error) {
        io.err(asError(error).message);
        process.exitCode = 1;
      }
    };
  const url = ["--url <url>", "the SQL server", "http://127.0.0.1:8088"] as const;
  command
    .command("list")
    .description("All topics with their partitions")
    .option(...url)
    .option("-a, --all", "internal topics too")
    .action(
      action(async (options: { url: string; all?: boolean }) => {
        const [e] = await new SqlClient(options.url).statements({ sql: options.all ? "SHOW ALL TOPICS;" : "SHOW TOPICS;" });
        io.out(renderEntity(e!));
      }),
    );
  command
    .command("describe")
    .description("A topic's partitions with their offsets, and its settings")
    .argument("<topic>")
    .option(...url)
    .action(
      action(async (topic: string, options: { url: string }) => {
        const d = (await new SqlClient(options.url).get(`/millrace/topics/${encodeURIComponent(topic)}`)) as unknown as TopicDetails;
        io.out(`Topic ${d.name} (id ${d.topicId})`);
        io.out(
          table(
            ["Partition", "Earliest", "Latest", "Records"],
            d.partitions.map((p) => [p.partition, p.earliest, p.latest, p.latest - p.earliest]),
          ),
        );
        io.out(
          table(
            ["Setting", "Value", "Source"],
            d.configs.map((c) => [c.name, c.value, c.source]),
          ),
        );
      }),
    );
  command
    .command("tail")
    .description("Print records as they arrive; Ctrl-C ends it")
    .argument("<topic>")
    .option(...url)
    .option("-b, --from-beginning", "the oldest record first")
    .option("-n, --limit <n>", "end after so many records", Number)
    .action(
      action(async (topic: string, options: { url: string; fromBeginning?: boolean; limit?: number }) => {
        const abort = new AbortController();
        const stop = () => abort.abort();
        process.once("SIGINT", stop);
        try {
          const sql = `PRINT '${topic.replace(/'/g, "''")}'${options.fromBeginning ? " FROM BEGINNING" : ""}${options.limit ? ` LIMIT ${options.limit}` : ""};`;
          for await (const text of new SqlClient(options.url).print({ sql, signal: abort.signal })) io.out(text);
        } finally {
          process.removeListener("SIGINT", stop);
        }
      }),
    );
  command
    .command("produce")
    .description("Write lines of a file or of standard input as records, through the REST proxy")
    .argument("<topic>")
    .option("--url <url>", "the REST proxy", "http://127.0.0.1:8082")
    .option("-f, --file <path>", "read these lines; standard input without it")
    .option("-K, --key-separator <text>", "a line is a key and a value with this between them; without it the whole line is the value")
    .option("--null-marker <text>", "a value that is this text is null: the record deletes its key")
    .option("-p, --partition <n>", "the partition; by the key without it", Number)
    .action(
      action(async (topic: string, options: ProduceOptions & { url: string; file?: string }) => {
        const { count, failed } = await produceLines(new RestClient(options.url), topic, await linesOf(options.file), options);
        io.err(`${count} record${count === 1 ? "" : "s"} written to ${topic}`);
        if (failed > 0) throw new Error(`${failed} were refused`);
      }),
    );
  return command;
}
