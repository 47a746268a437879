/** A database connection that is made anew for the next use after it was lost. */
export class Reconnecting {
  #client;
  #open;
  #close;
  #alive;

  /**
   * @param open makes a connected client
   * @param close ends one
   * @param alive whether a client is of use after this error
   */
  constructor(open, close, alive) {
    this.#open = open;
    this.#close = close;
    this.#alive = alive;
  }

  async use(work) {
    this.#client ??= await this.#open();
    const client = this.#client;
    try {
      return await work(client);
    } catch (error) {
      if (!this.#alive(error) && this.#client === client) await this.drop();
      throw error;
    }
  }

  async drop() {
    const client = this.#client;
    this.#client = undefined;
    if (client) await Promise.race([this.#close(client), new Promise((resolve) => setTimeout(resolve, 1000))]).catch(() => {});
  }
}
