import pg from "pg";

/** What of pg's connection is used beyond its types; its version is pinned. */
interface Wire {
  readonly stream: { write(bytes: Uint8Array): boolean };
  readonly parsedStatements: Readonly<Record<string, string>>;
  readonly submittedNamedStatements: Record<string, string>;
  parse(statement: { name: string; text: string }): void;
  describe(what: { type: "P"; name: string }): void;
  execute(what: { portal: string }): void;
  sync(): void;
}

/** A prepared statement whose parameters are sent as the bytes they are: pg would copy them twice. */
class BoundQuery extends pg.Query {
  constructor(
    private readonly statement: string,
    private readonly sql: string,
    private readonly parameters: Buffer,
    done: (error: Error | undefined) => void,
  ) {
    super({ name: statement, text: sql }, done);
  }

  /** Called by `submit`, between cork and uncork. */
  prepare(wire: Wire): void {
    const { statement, sql, parameters } = this;
    if (wire.parsedStatements[statement] === undefined && wire.submittedNamedStatements[statement] === undefined) {
      wire.parse({ name: statement, text: sql });
      wire.submittedNamedStatements[statement] = sql;
    }
    wire.stream.write(bindHead(statement, parameters.length));
    wire.stream.write(parameters);
    wire.stream.write(TEXT_RESULTS);
    wire.describe({ type: "P", name: "" });
    wire.execute({ portal: "" });
    wire.sync();
  }
}

/** Resolves, or rejects, only once the server has read all of the parameters or the connection is gone. */
export function queryBound(client: pg.Client, name: string, text: string, parameters: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new BoundQuery(name, text, parameters, (error) => (error ? reject(error) : resolve())));
  });
}

const TEXT_RESULTS = Buffer.alloc(2);

/** Bind: 'B', int32 size, the portal's name, the statement's name, int16 number of formats, int16 binary. */
function bindHead(statement: string, parameterBytes: number): Buffer {
  const name = Buffer.from(`${statement}\0`);
  const head = Buffer.allocUnsafe(10 + name.length);
  head[0] = 0x42;
  head.writeInt32BE(9 + name.length + parameterBytes + TEXT_RESULTS.length, 1);
  head[5] = 0;
  name.copy(head, 6);
  head.writeInt16BE(1, 6 + name.length);
  head.writeInt16BE(1, 8 + name.length);
  return head;
}
