import { MillraceError } from "../../common/errors.js";
import type { SqlType } from "../../data/sql-type.js";
import type { DataSource } from "./data-source.js";

/** What a persistent query reads and writes. */
export interface QueryLinks {
  readonly id: string;
  readonly sources: readonly string[];
  readonly sink: string | null;
}

/**
 * What is registered: sources, custom types and which query reads or writes which source. Immutable: a change gives a new
 * one, so a request is validated on a copy that costs nothing and is thrown away.
 */
export class Metastore {
  static readonly empty = new Metastore(new Map(), new Map(), new Map());

  private constructor(
    private readonly sourcesByName: ReadonlyMap<string, DataSource>,
    private readonly typesByName: ReadonlyMap<string, SqlType>,
    private readonly queriesById: ReadonlyMap<string, QueryLinks>,
  ) {}

  source(name: string): DataSource | undefined {
    return this.sourcesByName.get(name);
  }
  sources(): DataSource[] {
    return [...this.sourcesByName.values()];
  }
  type(name: string): SqlType | undefined {
    return this.typesByName.get(name);
  }
  types(): ReadonlyMap<string, SqlType> {
    return this.typesByName;
  }
  query(id: string): QueryLinks | undefined {
    return this.queriesById.get(id);
  }
  queries(): QueryLinks[] {
    return [...this.queriesById.values()];
  }
  /** ids, in the order of their creation */
  queriesReading(source: string): string[] {
    return this.queries()
      .filter((q) => q.sources.includes(source))
      .map((q) => q.id);
  }
  queriesWriting(source: string): string[] {
    return this.queries()
      .filter((q) => q.sink === source)
      .map((q) => q.id);
  }

  /** Adds or replaces. */
  withSource(source: DataSource): Metastore {
    return new Metastore(new Map(this.sourcesByName).set(source.name, source), this.typesByName, this.queriesById);
  }
  /** @throws SQL_STATEMENT where a query still reads or writes it */
  withoutSource(name: string): Metastore {
    const readers = this.queriesReading(name);
    const writers = this.queriesWriting(name);
    const made = readers.flatMap((id) => (/^C[ST]AS_/.test(id) ? (this.query(id)?.sink ?? []) : []));
    if (made.length > 0)
      throw new MillraceError(
        "SQL_STATEMENT",
        `Cannot drop ${name}.\nThe following streams and/or tables read from this source: [${made.join(", ")}].\nYou need to drop them before dropping ${name}.`,
        { context: { source: name, readers: made } },
      );
    if (readers.length > 0 || writers.length > 0)
      throw new MillraceError(
        "SQL_STATEMENT",
        `Cannot drop ${name}.\nThe following queries read from this source: [${readers.join(", ")}].\nThe following queries write into this source: [${writers.join(", ")}].\nYou need to terminate them before dropping ${name}.`,
        { context: { source: name, readers, writers } },
      );
    const sources = new Map(this.sourcesByName);
    sources.delete(name);
    return new Metastore(sources, this.typesByName, this.queriesById);
  }
  withType(name: string, type: SqlType): Metastore {
    return new Metastore(this.sourcesByName, new Map(this.typesByName).set(name, type), this.queriesById);
  }
  withoutType(name: string): Metastore {
    const types = new Map(this.typesByName);
    types.delete(name);
    return new Metastore(this.sourcesByName, types, this.queriesById);
  }
  withQuery(query: QueryLinks): Metastore {
    return new Metastore(this.sourcesByName, this.typesByName, new Map(this.queriesById).set(query.id, query));
  }
  withoutQuery(id: string): Metastore {
    const queries = new Map(this.queriesById);
    queries.delete(id);
    return new Metastore(this.sourcesByName, this.typesByName, queries);
  }
}
