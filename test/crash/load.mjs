// Writers that go on while everything around them fails.
export class Load {
  writes = 0;
  #running = [];
  #stopping = false;

  /** @param writers functions that write once and return how many rows they wrote; a failed one is called again after a pause */
  constructor(writers) {
    this.writers = writers;
  }

  start() {
    this.#stopping = false;
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
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20)); // the source is away, or this transaction met its own conflict
      }
    }
  }
}
