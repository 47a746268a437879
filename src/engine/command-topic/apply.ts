import type { Metastore } from "../../sql/metastore/metastore.js";
import type { PlannedCommand } from "../../sql/plan/command.js";
import type { QueryPlan } from "../../sql/plan/step.js";

/** What a command does to the set of running queries; `destroy` ends them for good, with their state and internal topics. */
export interface QueryChanges {
  readonly start: QueryPlan | null;
  /** ends and is replaced by `start`, which takes over its id */
  readonly replaces: string | null;
  readonly destroy: readonly string[];
  readonly pause: readonly string[];
  readonly resume: readonly string[];
}

const none: QueryChanges = { start: null, replaces: null, destroy: [], pause: [], resume: [] };

/** A command's effect, the same live and in a replay. Pure. */
export function applyCommand(metastore: Metastore, command: PlannedCommand): { metastore: Metastore; changes: QueryChanges } {
  switch (command.command) {
    case "create-source": {
      const after = metastore.withSource(command.source);
      return command.plan ? started(after, command.plan, null) : { metastore: after, changes: none };
    }
    case "create-as":
      return started(metastore.withSource(command.source), command.plan, command.replaces ?? null);
    case "insert-into":
      return started(metastore, command.plan, null);
    case "alter-source":
      return { metastore: metastore.withSource(command.source), changes: none };
    case "drop-source": {
      const rest = command.terminates.reduce((m, id) => m.withoutQuery(id), metastore);
      return { metastore: rest.withoutSource(command.name), changes: { ...none, destroy: command.terminates } };
    }
    case "register-type":
      return { metastore: metastore.withType(command.name, command.type), changes: none };
    case "drop-type":
      return { metastore: metastore.withoutType(command.name), changes: none };
    case "terminate": {
      const ids = named(metastore, command.queryId);
      return { metastore: ids.reduce((m, id) => m.withoutQuery(id), metastore), changes: { ...none, destroy: ids } };
    }
    case "pause":
      return { metastore, changes: { ...none, pause: named(metastore, command.queryId) } };
    case "resume":
      return { metastore, changes: { ...none, resume: named(metastore, command.queryId) } };
    case "alter-system":
      return { metastore, changes: none };
  }
}

function started(metastore: Metastore, plan: QueryPlan, replaces: string | null): { metastore: Metastore; changes: QueryChanges } {
  const without = replaces === null ? metastore : metastore.withoutQuery(replaces);
  const links = { id: plan.queryId, sources: plan.sources, sink: plan.sink };
  return { metastore: without.withQuery(links), changes: { ...none, start: plan, replaces } };
}

function named(metastore: Metastore, queryId: string | null): string[] {
  return queryId === null ? metastore.queries().map((q) => q.id) : [queryId];
}
