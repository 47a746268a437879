export interface JdbcHost {
  readonly host: string;
  readonly port: number;
}

/** What the first host gives that can; else the last one's error. */
export async function firstHost<T>(hosts: readonly JdbcHost[], use: (host: JdbcHost) => Promise<T>): Promise<T> {
  for (const [i, host] of hosts.entries()) {
    try {
      return await use(host);
    } catch (error) {
      if (i === hosts.length - 1) throw error;
    }
  }
  throw new RangeError("no host");
}
