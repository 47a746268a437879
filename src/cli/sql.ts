import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { Command } from "commander";
import { asError } from "../common/errors.js";
import { splitStatements, withoutComments } from "../common/split-statements.js";
import { Completion } from "./completion.js";
import { renderEntity } from "./render.js";
import { Spool } from "./spool.js";
import { SqlClient, SqlError } from "./sql-client.js";
import { isQuery, Session } from "./sql-text.js";
import { line, table } from "./table.js";

export interface Terminal {
  readonly input: Readable & { isTTY?: boolean };
  readonly output: Writable & { isTTY?: boolean; columns?: number };
  readonly errors: Writable;
  /** where the lines typed are kept between sessions; null keeps none */
  readonly history: string | null;
}

export const processTerminal = (): Terminal => ({
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  history: join(homedir(), ".millrace", "sql_history"),
});

const help = `Statements end with ; and may span lines. Some to begin with:
  SHOW TOPICS;  SHOW STREAMS;  SHOW TABLES;  SHOW QUERIES;  SHOW FUNCTIONS;
  DESCRIBE name EXTENDED;  EXPLAIN query_id;  PRINT 'topic' FROM BEGINNING LIMIT 5;
  SELECT * FROM name EMIT CHANGES;     every change from now on; Ctrl-C ends it
  SELECT * FROM a_table WHERE id = 1;  the table as it stands
  SET 'auto.offset.reset'='earliest';  begin with the oldest record
Of this shell: help, exit (or Ctrl-D), clear, run script 'file', spool 'file' and spool off, output json and output tabular,
history, server URL, version. Tab completes keywords, sources, columns and functions.`;

/** `millrace sql [url]`: the statements of a file, of `-e`, of a pipe, or of whoever types. */
export function sqlCommand(terminal: () => Terminal = processTerminal): Command {
  return new Command("sql")
    .description("Run streaming SQL: a shell, a file (-f), or one text (-e). Speaks the ksqlDB REST API.")
    .argument("[url]", "the SQL server", "http://127.0.0.1:8088")
    .option("-f, --file <file>", "run the statements of a file and exit")
    .option("-e, --execute <text>", "run these statements and exit")
    .option("--set <name=value>", "a property for every statement, as auto.offset.reset=earliest", collect, {})
    .addHelpText(
      "after",
      `
Examples:
  millrace sql                                     a shell on this machine's server
  millrace sql -f pipeline.sql                     the file as one request: if one statement is wrong, none runs
  millrace sql -e "SHOW STREAMS;"
  millrace sql --set auto.offset.reset=earliest -e "SELECT * FROM orders EMIT CHANGES LIMIT 5;"
  echo "SHOW QUERIES;" | millrace sql http://host:8088`,
    )
    .action(async (url: string, options: { file?: string; execute?: string; set: Record<string, string> }) => {
      const shell = new Shell(new SqlClient(url), terminal());
      Object.assign(shell.session.properties, options.set);
      if (options.file !== undefined) process.exitCode = await shell.script(readFileSync(options.file, "utf8"));
      else if (options.execute !== undefined) process.exitCode = await shell.script(options.execute);
      else process.exitCode = await shell.interact();
    });
}

function collect(pair: string, all: Record<string, string>): Record<string, string> {
  const at = pair.indexOf("=");
  return at < 0 ? all : { ...all, [pair.slice(0, at)]: pair.slice(at + 1) };
}

/** One session against one server. Its methods return an exit code: 0, or 1 where a statement failed. */
export class Shell {
  readonly session = new Session();
  private running: AbortController | undefined;
  /** what was typed of a statement that has not ended */
  private pending = "";
  private readonly colours: boolean;
  private readonly spool = new Spool();
  /** answers as the server sends them, and rows as JSON */
  private json = false;
  private completion: Completion;

  constructor(
    private client: SqlClient,
    private readonly terminal: Terminal,
  ) {
    this.completion = new Completion(client);
    this.colours = Boolean(terminal.output.isTTY) && process.env["NO_COLOR"] === undefined;
  }

  /** Ends the query that runs, if any; says whether there was one. */
  interrupt(): boolean {
    if (!this.running) return false;
    this.running.abort();
    return true;
  }

  /** Statements between two queries go as one request, so that the server checks them all before it runs one. */
  async script(text: string): Promise<number> {
    const onInterrupt = () => {
      if (!this.interrupt()) process.exit(130);
    };
    process.on("SIGINT", onInterrupt);
    try {
      const { statements, rest } = splitStatements(text);
      if (withoutComments(rest) !== "") statements.push(rest);
      let request: string[] = [];
      const send = async () => {
        const all = request;
        request = [];
        if (all.length === 0) return 0;
        const code = await this.post(all.join("\n"));
        // The server applied SET and DEFINE within that request only; what follows needs them from here.
        for (const s of all) this.session.apply(s);
        return code;
      };
      for (const statement of statements) {
        if (!isQuery(statement)) {
          request.push(statement);
          continue;
        }
        if ((await send()) !== 0 || (await this.query(statement)) !== 0) return 1;
      }
      return await send();
    } finally {
      process.removeListener("SIGINT", onInterrupt);
    }
  }

  async interact(): Promise<number> {
    const { input, output, history } = this.terminal;
    if (!input.isTTY) {
      const chunks: Buffer[] = [];
      for await (const chunk of input) chunks.push(Buffer.from(chunk as Buffer));
      return this.script(Buffer.concat(chunks).toString());
    }
    await this.greet();
    const rl = createInterface({
      input,
      output,
      completer: (line: string, done: (error: null, found: [string[], string]) => void) => {
        void this.completion.complete(this.pending + line).then((found) => done(null, found));
      },
      terminal: Boolean(input.isTTY),
      history: readHistory(history),
      historySize: 1000,
      removeHistoryDuplicates: true,
    });
    rl.on("history", (lines: string[]) => writeHistory(history, lines));
    await this.read(rl);
    this.spool.close();
    return 0;
  }

  private read(rl: Interface): Promise<void> {
    const prompt = () => {
      rl.setPrompt(this.pending === "" ? this.paint(36, "sql> ") : "...> ");
      rl.prompt();
    };
    // Lines that arrive while a statement runs wait for it: readline does not.
    let chain = Promise.resolve();
    rl.on("SIGINT", () => {
      if (this.interrupt()) return;
      if (this.pending === "" && rl.line === "") this.say("(Ctrl-D or exit; leaves the shell)");
      this.pending = "";
      rl.write(null, { ctrl: true, name: "u" });
      this.say("");
      prompt();
    });
    rl.on("line", (typed) => {
      chain = chain.then(async () => {
        this.spool.write(`${this.pending === "" ? "sql> " : "...> "}${typed}\n`);
        if (this.pending === "" && (await this.builtIn(typed, rl))) return prompt();
        const { statements, rest } = splitStatements(`${this.pending}${typed}\n`);
        this.pending = rest.trim() === "" ? "" : rest;
        for (const statement of statements) {
          const said = this.session.apply(statement);
          if (said !== undefined) this.say(said);
          else await (isQuery(statement) ? this.query(statement) : this.post(statement));
        }
        prompt();
      });
    });
    prompt();
    return new Promise((resolve) => {
      rl.once("close", () => {
        this.interrupt();
        void chain.then(() => resolve());
      });
    });
  }

  private async builtIn(typed: string, rl: Interface): Promise<boolean> {
    const word = typed.trim().replace(/;$/, "").trim().toLowerCase();
    if (word === "exit" || word === "quit") rl.close();
    else if (word === "help" || word === "?") this.say(help);
    else if (word === "clear") this.terminal.output.write("\x1b[2J\x1b[H");
    else if (word === "history") this.say([...(rl as unknown as { history: string[] }).history].reverse().join("\n"));
    else if (word === "version" || word === "server") await this.greet();
    else {
      const [, command, argument = ""] = /^(run\s+script|spool|output|server)\s+'?([^']+?)'?\s*;?$/i.exec(typed.trim()) ?? [];
      if (command === undefined) return false;
      try {
        await this.shellCommand(command.toLowerCase().split(/\s+/)[0]!, argument);
      } catch (error) {
        this.fail(asError(error).message);
      }
    }
    return true;
  }

  private async shellCommand(command: string, argument: string): Promise<void> {
    if (command === "run") await this.script(readFileSync(argument, "utf8"));
    else if (command === "server") {
      this.client = new SqlClient(argument);
      this.completion = new Completion(this.client);
      await this.greet();
    } else if (command === "output") {
      const word = argument.toUpperCase();
      if (word !== "JSON" && word !== "TABULAR") throw new Error(`OUTPUT is JSON or TABULAR, not ${argument}`);
      this.json = word === "JSON";
      this.say(`Output format set to ${word}`);
    } else if (argument.toLowerCase() === "off") this.say(this.spool.close() ? "Spooling ended." : "Nothing is spooled.");
    else {
      this.spool.open(argument);
      this.say(`What is shown goes to ${argument} too, until: spool off;`);
    }
  }

  private async greet(): Promise<void> {
    try {
      const info = (await this.client.get("/info"))["KsqlServerInfo"] as Record<string, string>;
      this.say(
        `Connected to ${this.client.url} (ksqlDB ${info["version"]}, service ${info["ksqlServiceId"]}). Type help, or a statement that ends with ;`,
      );
    } catch (error) {
      this.fail(asError(error).message);
    }
  }

  private async post(sql: string): Promise<number> {
    const abort = (this.running = new AbortController());
    try {
      const { properties, variables } = this.session;
      this.show(await this.client.statements({ sql, properties, variables, signal: abort.signal }));
      return 0;
    } catch (error) {
      return this.failed(error, abort);
    } finally {
      this.running = undefined;
    }
  }

  private async query(statement: string): Promise<number> {
    const abort = (this.running = new AbortController());
    const request = { sql: statement, properties: this.session.properties, variables: this.session.variables, signal: abort.signal };
    try {
      if (/^PRINT\b/i.test(withoutComments(statement))) {
        for await (const text of this.client.print(request)) this.say(text);
      } else await this.select(request);
      if (abort.signal.aborted) this.say("Query terminated");
      return 0;
    } catch (error) {
      return this.failed(error, abort);
    } finally {
      this.running = undefined;
    }
  }

  private async select(request: Parameters<SqlClient["select"]>[0]): Promise<void> {
    let names: readonly string[] = [];
    let widths: number[] = [];
    let right: boolean[] = [];
    let rows = 0;
    for await (const { header, row, json } of this.client.select(request)) {
      if (this.json) {
        this.say(header ? JSON.stringify(header) : json);
        continue;
      }
      if (header) {
        names = header.columnNames;
        const width = this.terminal.output.columns ?? 0;
        const share = width > 0 ? Math.max(8, Math.floor((width - 1) / names.length) - 3) : 20;
        widths = names.map((n) => (width > 0 ? share : Math.max(share, n.length)));
        right = header.columnTypes.map((t) => /^(INTEGER|BIGINT|DOUBLE|DECIMAL)/.test(t));
        const [head, rule] = table(names, [names.map((_, i) => " ".repeat(widths[i]!))], 0).split("\n");
        this.say(this.paint(1, head!));
        this.say(rule!);
        continue;
      }
      rows++;
      this.say(line(row!, widths, right));
    }
    if (!request.signal?.aborted) this.say(`${rows} ${rows === 1 ? "row" : "rows"}`);
  }

  private failed(error: unknown, abort: AbortController): number {
    if (abort.signal.aborted) {
      this.say("Interrupted");
      return 1;
    }
    if (error instanceof SqlError) {
      this.show(error.entities);
      this.fail(error.statement ? `${error.message}\nStatement: ${error.statement}` : error.message);
    } else this.fail(asError(error).message);
    return 1;
  }

  private show(entities: readonly Record<string, unknown>[]): void {
    for (const e of entities) {
      if (this.json) {
        this.say(JSON.stringify(e, null, 2));
        continue;
      }
      const text = renderEntity(e, this.terminal.output.columns ?? 0);
      if (text !== "") this.say(`${text}\n`);
    }
  }

  private say(text: string): void {
    this.spool.write(`${text}\n`);
    this.terminal.output.write(`${text}\n`);
  }
  private fail(text: string): void {
    this.spool.write(`${text}\n`);
    this.terminal.errors.write(`${this.paint(31, text)}\n`);
  }
  private paint(code: number, text: string): string {
    return this.colours ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

function readHistory(file: string | null): string[] {
  if (file === null || !existsSync(file)) return [];
  return readFileSync(file, "utf8").split("\n").filter(Boolean).reverse();
}

/** @param lines newest first, as readline keeps them */
function writeHistory(file: string | null, lines: readonly string[]): void {
  if (file === null) return;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${[...lines].reverse().join("\n")}\n`, { mode: 0o600 });
  } catch {
    // A home that cannot be written to costs the history and nothing else.
  }
}
