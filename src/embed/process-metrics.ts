import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Metrics } from "../common/metrics.js";

/** Memory, CPU and the event loop's delay of this process. */
export function processMetrics(metrics: Metrics): { close(): void } {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  metrics.gauge("millrace_process_resident_memory_bytes", "Resident memory of the process", {}, () => process.memoryUsage.rss());
  metrics.counter("millrace_process_cpu_seconds_total", "CPU time used", {}, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.gauge("millrace_event_loop_delay_seconds", "99th percentile of the event loop's delay since the last reading", {}, () => {
    const seconds = delay.percentile(99) / 1e9;
    delay.reset();
    return seconds;
  });
  return { close: () => delay.disable() };
}
