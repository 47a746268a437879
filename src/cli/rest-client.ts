/** A small JSON client of our REST surfaces; what they answer as an error becomes one, in their words. */
export class RestClient {
  constructor(private readonly base: string) {}

  /** @throws Error with the server's message, or one that says that nothing answers there */
  async call<T = unknown>(method: string, path: string, body?: unknown, type = "application/json"): Promise<T> {
    let response: Response;
    try {
      response = await fetch(new URL(path, this.base), {
        method,
        ...(body === undefined ? {} : { headers: { "content-type": type }, body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new Error(`nothing answers at ${this.base} (is millrace running? --url names another address)`, { cause });
    }
    const text = await response.text();
    let answer: { message?: string } | undefined;
    try {
      if (text !== "") answer = JSON.parse(text) as { message?: string };
    } catch (cause) {
      throw new Error(`${this.base} answered ${response.status} without JSON: --url names another address`, { cause });
    }
    if (!response.ok) throw new Error(answer?.message ?? `${response.status} ${response.statusText}`);
    return answer as T;
  }
}
