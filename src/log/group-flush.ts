/** Callers at the same time share one run; a call during a run waits for the next, which covers what came before the call. */
export class GroupFlush {
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(private readonly run: () => Promise<void>) {}

  request(): Promise<void> {
    if (!this.running) return this.start();
    const start = () => this.start();
    return (this.next ??= this.running.then(start, start));
  }

  /** Resolves once nothing runs or waits to run, however it ended. */
  async settled(): Promise<void> {
    while (this.running) await (this.next ?? this.running).catch(() => {});
  }

  private start(): Promise<void> {
    this.next = undefined;
    const done = () => {
      this.running = undefined;
    };
    this.running = this.run();
    // registered ahead of every waiter, so that a waiter that flushes again starts a new run
    this.running.then(done, done);
    return this.running;
  }
}
