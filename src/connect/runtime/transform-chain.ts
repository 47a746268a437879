import { asError, MillraceError } from "../../common/errors.js";
import type { ConnectRecord } from "../api/record.js";
import type { RecordShape } from "../api/shape.js";
import type { ConnectorConfig } from "../api/source.js";
import type { Predicate, Transformation } from "../api/transform.js";
import type { Doing } from "./error-policy.js";
import type { Plugins } from "./plugins.js";

interface Step {
  readonly name: string;
  readonly className: string;
  readonly transform: Transformation;
  readonly predicate: Predicate | undefined;
  readonly negate: boolean;
}

/** A connector's transforms in order, each with its predicate. */
export class TransformChain {
  private constructor(private readonly steps: readonly Step[]) {}

  /** @throws CONFIG_INVALID, NOT_FOUND that name the transform */
  static of(config: ConnectorConfig, plugins: Plugins): TransformChain {
    const predicates = new Map<string, Predicate>();
    for (const name of listOf(config["predicates"])) {
      const settings = withPrefix(config, `predicates.${name}.`);
      predicates.set(name, plugins.predicates.get(settings["type"] ?? "").create(settings));
    }
    const steps = listOf(config["transforms"]).map((name): Step => {
      const settings = withPrefix(config, `transforms.${name}.`);
      const plugin = plugins.transforms.get(settings["type"] ?? "");
      const predicateName = settings["predicate"];
      const predicate = predicateName ? predicates.get(predicateName) : undefined;
      if (predicateName && !predicate)
        throw new MillraceError("CONFIG_INVALID", `transforms.${name}.predicate: there is no predicate ${predicateName} in predicates`);
      return {
        name,
        className: settings["type"]!.trim(),
        transform: plugin.create(settings),
        predicate,
        negate: settings["negate"]?.trim().toLowerCase() === "true",
      };
    });
    return new TransformChain(steps);
  }

  get empty(): boolean {
    return this.steps.length === 0;
  }

  /** @throws TRANSFORM that names the transform (`context.class`); what may pass as it is */
  apply<R extends ConnectRecord>(record: R): R | null {
    let current: R | null = record;
    for (const step of this.steps) {
      try {
        if (step.predicate && step.predicate.test(current) === step.negate) continue;
        current = step.transform.apply(current);
      } catch (cause) {
        if (cause instanceof MillraceError && cause.retriable) throw cause;
        throw new MillraceError("TRANSFORM", `transform ${step.name} failed: ${asError(cause).message}`, {
          cause,
          context: { class: step.className },
        });
      }
      if (current === null) return null;
    }
    return current;
  }

  /** The effect of all of them on every record of this shape; undefined where it depends on the row. */
  compile(shape: RecordShape): RecordShape | "drop" | undefined {
    let current = shape;
    for (const step of this.steps) {
      if (step.predicate) {
        const answer = step.predicate.compile?.(current);
        if (answer === undefined) return undefined;
        if (answer === step.negate) continue;
      }
      const next = step.transform.compile?.(current);
      if (next === undefined || next === "drop") return next;
      current = next;
    }
    return current;
  }

  close(): void {
    for (const step of this.steps) step.transform.close?.();
  }
}

/** Which transform it was that failed. */
export function transformOf(error: unknown): Doing {
  return { stage: "TRANSFORMATION", className: error instanceof MillraceError ? String(error.context["class"] ?? "") : "" };
}

export function listOf(text: string | undefined): string[] {
  return (text ?? "")
    .split(",")
    .map((s) => s.trim())
    .filter(Boolean);
}

/** The settings below a prefix, without it. */
export function withPrefix(config: ConnectorConfig, prefix: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) if (key.startsWith(prefix)) out[key.slice(prefix.length)] = value;
  return out;
}
