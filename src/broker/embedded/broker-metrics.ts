import type { Counter, Histogram, Metrics } from "../../common/metrics.js";

export interface TopicMetrics {
  readonly recordsIn: Counter;
  readonly bytesIn: Counter;
  readonly bytesOut: Counter;
}

/** What the console's port shows of the broker. */
export class BrokerMetrics {
  readonly commits: Counter;
  readonly aborts: Counter;
  readonly commitSeconds: Histogram;

  constructor(private readonly metrics: Metrics) {
    const ended = "Transactions ended, by how.";
    this.commits = metrics.counter("millrace_transactions_total", ended, { end: "commit" });
    this.aborts = metrics.counter("millrace_transactions_total", ended, { end: "abort" });
    this.commitSeconds = metrics.histogram(
      "millrace_transaction_commit_seconds",
      "From the call to commit until it is on disk and visible.",
    );
  }

  topic(topic: string): TopicMetrics {
    return {
      recordsIn: this.metrics.counter("millrace_topic_records_in_total", "Records appended.", { topic }),
      bytesIn: this.metrics.counter("millrace_topic_bytes_in_total", "Bytes appended, as compressed.", { topic }),
      bytesOut: this.metrics.counter("millrace_topic_bytes_out_total", "Bytes fetched, as compressed.", { topic }),
    };
  }

  forget(topic: string): void {
    this.metrics.remove({ topic });
  }
}
