/**
 * Counters, gauges and histograms, read out in the Prometheus text format by the console's port. Names carry their unit
 * (`_total`, `_bytes`, `_seconds`). A metric object is fetched once and kept: `add` and `observe` cost an addition.
 */
export type Labels = Readonly<Record<string, string>>;

export class Counter {
  value = 0;
  constructor(readonly read?: () => number) {}
  add(n = 1): void {
    this.value += n;
  }
  current(): number {
    return this.read ? this.read() : this.value;
  }
}

export class Gauge {
  value = 0;
  constructor(readonly read?: () => number) {}
  set(n: number): void {
    this.value = n;
  }
  current(): number {
    return this.read ? this.read() : this.value;
  }
}

/** Log-scaled buckets of about 9 % width from 10 µs to 1,000 s: quantiles without keeping samples. */
export class Histogram {
  private static readonly perDecade = 27;
  private readonly buckets = new Float64Array(Histogram.perDecade * 8 + 2);
  count = 0;
  sum = 0;
  max = 0;

  /** @param seconds of the observation */
  observe(seconds: number, n = 1): void {
    const at = seconds <= 1e-5 ? 0 : Math.min(this.buckets.length - 1, 1 + Math.floor(Math.log10(seconds / 1e-5) * Histogram.perDecade));
    this.buckets[at]! += n;
    this.count += n;
    this.sum += seconds * n;
    if (seconds > this.max) this.max = seconds;
  }

  /** @param q between 0 and 1; returns seconds, NaN where nothing was observed */
  quantile(q: number): number {
    if (this.count === 0) return Number.NaN;
    let left = q * this.count;
    for (let i = 0; i < this.buckets.length; i++) {
      left -= this.buckets[i]!;
      if (left <= 0) return Math.min(this.max, 1e-5 * 10 ** (i / Histogram.perDecade));
    }
    return this.max;
  }
}

type Metric = Counter | Gauge | Histogram;
interface Family {
  readonly help: string;
  readonly members: Map<string, { labels: Labels; metric: Metric }>;
}

export class Metrics {
  private readonly families = new Map<string, Family>();

  counter(name: string, help: string, labels: Labels = {}, read?: () => number): Counter {
    return this.get(name, help, labels, () => new Counter(read));
  }
  gauge(name: string, help: string, labels: Labels = {}, read?: () => number): Gauge {
    return this.get(name, help, labels, () => new Gauge(read));
  }
  histogram(name: string, help: string, labels: Labels = {}): Histogram {
    return this.get(name, help, labels, () => new Histogram());
  }

  /** Drops every metric that carries all of these labels: a deleted connector or query leaves no line behind. */
  remove(labels: Labels): void {
    for (const family of this.families.values())
      for (const [key, member] of family.members)
        if (Object.entries(labels).every(([k, v]) => member.labels[k] === v)) family.members.delete(key);
  }

  /** The Prometheus text exposition format, version 0.0.4. */
  expose(): string {
    const lines: string[] = [];
    for (const [name, family] of [...this.families].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const members = [...family.members.values()];
      const first = members[0]?.metric;
      if (!first) continue;
      const type = first instanceof Counter ? "counter" : first instanceof Gauge ? "gauge" : "summary";
      lines.push(`# HELP ${name} ${family.help}`, `# TYPE ${name} ${type}`);
      for (const { labels, metric } of members) {
        if (metric instanceof Counter || metric instanceof Gauge) lines.push(`${name}${format(labels)} ${metric.current()}`);
        else {
          for (const q of [0.5, 0.99]) lines.push(`${name}${format({ ...labels, quantile: String(q) })} ${metric.quantile(q)}`);
          lines.push(`${name}_sum${format(labels)} ${metric.sum}`, `${name}_count${format(labels)} ${metric.count}`);
        }
      }
    }
    return `${lines.join("\n")}\n`;
  }

  private get<M extends Metric>(name: string, help: string, labels: Labels, make: () => M): M {
    let family = this.families.get(name);
    if (!family) this.families.set(name, (family = { help, members: new Map() }));
    const key = format(labels);
    let member = family.members.get(key);
    if (!member) family.members.set(key, (member = { labels, metric: make() }));
    return member.metric as M;
  }
}

function format(labels: Labels): string {
  const pairs = Object.entries(labels).map(([k, v]) => `${k}="${v.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`);
  return pairs.length ? `{${pairs.join(",")}}` : "";
}
