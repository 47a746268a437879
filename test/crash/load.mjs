// Writers that go on while everything around them fails: at full speed for so many rows, then slowly, so that a long run's tables, which
// are read and compared whole after each disaster, do not grow without end.
const atFullSpeed = 1000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Load {
  writes = 0;
  #slowFrom = 0;
  #running = [];
  #stopping = false;

  /** @param writers functions that write once and return how many rows they wrote; a failed one is called again after a pause */
  constructor(writers) {
    this.writers = writers;
  }

  start() {
    this.#stopping = false;
    this.#slowFrom = this.writes + atFullSpeed;
    this.#running = this.writers.map((write) => this.#run(write));
  }

  async stop() {
    this.#stopping = true;
    await Promise.all(this.#running);
  }

  async #run(write) {
    while (!this.#stopping) {
      try {
        this.writes += await write();
        if (this.writes > this.#slowFrom) await pause(100);
      } catch {
        await pause(20); // the source is away, or this transaction met its own conflict
      }
    }
  }
}
