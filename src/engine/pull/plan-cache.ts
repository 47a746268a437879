import type { FunctionRegistry } from "../../sql/functions/registry.js";
import type { Metastore } from "../../sql/metastore/metastore.js";
import type { PullPlan } from "../../sql/planner/plan-statement.js";
import type { EngineServices } from "../services.js";
import { type PreparedPull, preparePull, rowWidth } from "./pull-query.js";
import { marked, parameterized, type Template, templateOf } from "./template.js";

const mostPlans = 1000;

/** What plans were made of: when any of it is another, they are made anew. */
interface PlannedOn {
  readonly metastore: Metastore;
  readonly functions: FunctionRegistry;
  readonly properties: Readonly<Record<string, string>>;
}

/** Pull queries by the text that their requests share: the same statement for another key is planned and compiled once. */
export class PullPlanCache {
  /** null: each request is planned by itself */
  private readonly plans = new Map<string, PreparedPull | null>();
  private on: PlannedOn | undefined;

  constructor(private readonly services: EngineServices) {}

  /** @param plan plans a text; what it throws is left to the request itself to say */
  find(
    sql: string,
    on: PlannedOn,
    plan: (sql: string) => PullPlan | undefined,
  ): { pull: PreparedPull; values: Template["values"] } | undefined {
    const template = templateOf(sql);
    if (!template) return undefined;
    if (this.on?.metastore !== on.metastore || this.on.functions !== on.functions || this.on.properties !== on.properties) {
      this.plans.clear();
      this.on = on;
    }
    let pull = this.plans.get(template.text);
    if (pull === undefined) {
      pull = this.make(template, plan);
      if (this.plans.size >= mostPlans) this.plans.clear();
      this.plans.set(template.text, pull);
    }
    return pull ? { pull, values: template.values } : undefined;
  }

  private make(template: Template, plan: (sql: string) => PullPlan | undefined): PreparedPull | null {
    try {
      const planned = plan(marked(template));
      const open = planned && parameterized(planned, template, rowWidth(planned));
      return open ? preparePull(open, this.services) : null;
    } catch {
      return null;
    }
  }
}
