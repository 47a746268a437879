import type { SqlType } from "../../data/sql-type.js";
import type { DataSource } from "../metastore/data-source.js";
import type { QueryPlan } from "./step.js";

/**
 * What the command topic holds, one record a statement: frozen JSON, versioned. A restart applies the commands in order and
 * never parses or plans the SQL text, which is there to be shown. A released command's meaning never changes.
 */
export const COMMAND_VERSION = 1;

/** The topic to be there before the command's source is; partitions and replicas absent mean: as the left source's topic. */
export interface TopicRequest {
  readonly name: string;
  readonly partitions?: number;
  readonly replicas?: number;
  /** as `retention.ms`, `cleanup.policy` */
  readonly configs: Readonly<Record<string, string>>;
  /** the source whose topic gives the partitions and replicas where they are absent */
  readonly like?: string;
  /** false: an existing topic only, its absence is an error */
  readonly create: boolean;
}

interface CommandBase {
  readonly version: typeof COMMAND_VERSION;
  /** as written (variables substituted) */
  readonly statement: string;
  /** session and request properties in force, as `auto.offset.reset` */
  readonly properties: Readonly<Record<string, string>>;
}

export type PlannedCommand =
  /** `plan` is there for CREATE SOURCE TABLE, which is materialized by a query without sink */
  | (CommandBase & {
      readonly command: "create-source";
      readonly source: DataSource;
      readonly topic: TopicRequest;
      readonly orReplace: boolean;
      readonly plan?: QueryPlan;
    })
  | (CommandBase & {
      readonly command: "drop-source";
      readonly kind: "stream" | "table";
      readonly name: string;
      /** the topic to delete, where DELETE TOPIC was written */
      readonly deleteTopic: string | null;
      /** queries that end with it: the one that made it, the one that materializes it */
      readonly terminates: readonly string[];
    })
  | (CommandBase & { readonly command: "alter-source"; readonly source: DataSource })
  /** `replaces` is the id of the query whose plan this one takes over (CREATE OR REPLACE keeps its id) */
  | (CommandBase & {
      readonly command: "create-as";
      readonly source: DataSource;
      readonly topic: TopicRequest;
      readonly plan: QueryPlan;
      readonly replaces?: string;
    })
  | (CommandBase & { readonly command: "insert-into"; readonly plan: QueryPlan })
  | (CommandBase & { readonly command: "register-type"; readonly name: string; readonly type: SqlType })
  | (CommandBase & { readonly command: "drop-type"; readonly name: string })
  /** null is all */
  | (CommandBase & { readonly command: "terminate" | "pause" | "resume"; readonly queryId: string | null })
  | (CommandBase & { readonly command: "alter-system"; readonly name: string; readonly value: string });
