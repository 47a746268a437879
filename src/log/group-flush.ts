/** Callers at the same time share one run; a call during a run waits for the next, which covers what came before the call. */
export class GroupFlush {
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(private readonly run: () => Promise<void>) {}

  request(): Promise<void> {
    // It may be about to start: a run beside it would sync the same file, and an error of the disk is told to one of them only.
    if (this.next) return this.next;
    if (!this.running) return this.start();
    const start = () => this.start();
    return (this.next = this.running.then(start, start));
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
    // registered ahead of every waiter, so that a waiter that flushes again is not taken for one of this run
    this.running.then(done, done);
    return this.running;
  }
}
