import type { ExecutionStep, SourceStep } from "./step.js";

/** What a plan reads, as often as it names it. */
export function sourceSteps(step: ExecutionStep): SourceStep[] {
  if ("left" in step) return [...sourceSteps(step.left), ...sourceSteps(step.right)];
  return "source" in step ? sourceSteps(step.source) : [step];
}

/** The same of steps that read a topic in the same way: they share what reads it, which has one position in the topic. */
export function sourceKey({ id: _, ...step }: SourceStep): string {
  return JSON.stringify(step);
}
