/** Work on one name comes one after another, in the order it was asked for; different names go on beside each other. */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    const done = mine.catch(() => undefined);
    this.last.set(name, done);
    done.then(() => {
      if (this.last.get(name) === done) this.last.delete(name);
    });
    return mine;
  }
}
