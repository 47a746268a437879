import type { SqlClient } from "./sql-client.js";

const keywords =
  `ADD ALL ALTER AND ARRAY AS ASSERT BETWEEN BY CASE CAST CHANGES COLUMN CONNECTOR CONNECTORS CREATE DAYS DECIMAL DEFINE DELETE DESCRIBE DISTINCT
  DROP ELSE EMIT END EXISTS EXPLAIN EXTENDED FALSE FINAL FROM FULL FUNCTION FUNCTIONS GRACE GROUP HAVING HEADER HEADERS HOPPING HOURS IF IN INNER INSERT
  INTO IS JOIN KEY LEFT LIKE LIMIT LIST MAP MILLISECONDS MINUTES NOT NULL ON OR OUTER PARTITION PAUSE PERIOD PRIMARY PRINT PROPERTIES QUERIES REPLACE
  RESUME RETENTION RIGHT RUN SCRIPT SECONDS SELECT SESSION SET SHOW SINK SIZE SOURCE SPOOL STREAM STREAMS STRUCT TABLE TABLES TERMINATE THEN TOPIC TOPICS
  TRUE TUMBLING TYPE TYPES UNDEFINE UNION UNSET VALUES VARIABLES WHEN WHERE WINDOW WITH WITHIN`.split(/\s+/);

/** how long what the server said of its sources is taken for true */
const freshMs = 5_000;
/** After these words only a source's name can follow; after PRINT a topic's. */
const sourceNext = /\b(FROM|JOIN|INTO|DESCRIBE|(DROP|ALTER)\s+(STREAM|TABLE)(\s+IF\s+EXISTS)?)\s+[`"]?[\w.-]*$/i;
const topicNext = /\bPRINT\s+[`"']?[\w.-]*$/i;

/** What the word before the cursor can become: keywords, sources, topics, functions, and columns of the sources that the statement names. */
export class Completion {
  private sources: readonly string[] = [];
  private topics: readonly string[] = [];
  private functions: readonly string[] = [];
  private readonly columns = new Map<string, readonly string[]>();
  private loadedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly client: SqlClient) {}

  /** @param text all of the statement up to the cursor. Returns the candidates and the word that they replace. A server that is away offers keywords alone. */
  async complete(text: string): Promise<[string[], string]> {
    const word = /[\w.`"-]*$/.exec(text)![0];
    await this.load().catch(() => {});
    if (topicNext.test(text)) return [matching(this.topics, word, false), word];
    if (sourceNext.test(text)) return [matching(this.sources, word, true), word];
    const named = this.sources.filter((s) => new RegExp(`\\b${s.replace(/[^\w]/g, "\\$&")}\\b`, "i").test(text));
    const columns = (await Promise.all(named.map((s) => this.columnsOf(s).catch(() => [])))).flat();
    const dot = word.lastIndexOf(".");
    if (dot >= 0) return [matching(columns, word.slice(dot + 1), true).map((c) => word.slice(0, dot + 1) + c), word];
    return [matching([...new Set([...columns, ...keywords, ...this.sources, ...this.functions])], word, true), word];
  }

  private async load(): Promise<void> {
    if (Date.now() - this.loadedAt < freshMs) return;
    const answers = await this.client.statements({ sql: "SHOW STREAMS; SHOW TABLES; SHOW TOPICS; SHOW FUNCTIONS;" });
    const names = (kind: string) => answers.flatMap((a) => (a[kind] as { name: string }[] | undefined) ?? []).map((x) => x.name);
    this.sources = [...names("streams"), ...names("tables")];
    this.topics = names("topics");
    this.functions = [...new Set(names("functions"))];
    this.columns.clear();
    this.loadedAt = Date.now();
  }

  private async columnsOf(source: string): Promise<readonly string[]> {
    const known = this.columns.get(source);
    if (known) return known;
    const [answer] = await this.client.statements({ sql: `DESCRIBE \`${source}\`;` });
    const { fields = [] } = (answer?.["sourceDescription"] ?? {}) as { fields?: { name: string }[] };
    const columns = fields.map((f) => f.name);
    this.columns.set(source, columns);
    return columns;
  }
}

/** Those that begin so, without case; what is typed in lower case is completed in lower case where case means nothing. */
function matching(names: readonly string[], word: string, foldCase: boolean): string[] {
  const plain = word.replace(/^[`"']/, "");
  const quote = word.slice(0, word.length - plain.length);
  const lower = foldCase && quote === "" && plain !== "" && plain === plain.toLowerCase();
  return names
    .filter((n) => n.toUpperCase().startsWith(plain.toUpperCase()))
    .sort()
    .map((n) => {
      if (!foldCase || quote !== "") return quote + n;
      if (!/^[A-Z_][A-Z0-9_]*$/.test(n)) return `\`${n}\``; // it is found only as it is written
      return lower ? n.toLowerCase() : n;
    });
}
