/** What statements need to know of the server that they are for. */
export interface Server {
  readonly mariadb: boolean;
  /** bytes of one message at the most */
  readonly maxPacket: number;
  /** takes LOAD DATA LOCAL */
  readonly localInfile: boolean;
  /** `VALUES (…) AS alias` in an upsert; else the `VALUES()` function, which MySQL warns of at each statement */
  readonly rowAlias: boolean;
  /** `DEFAULT (…)`, which a TEXT or BLOB column needs */
  readonly expressionDefaults: boolean;
  /** `STRING_TO_VECTOR` or `VEC_FromText`; null: no VECTOR type */
  readonly vectorFunction: string | null;
  /** compares characters and trailing spaces as they are */
  readonly exactCollation: string;
}

/** @param facts `@@version`, `@@max_allowed_packet`, `@@local_infile` */
export function serverOf(facts: { version: string; packet: number; localInfile: boolean }): Server {
  const mariadb = /mariadb/i.test(facts.version);
  // MariaDB once said 5.5.5-10.x for replication's sake
  const [major = 0, minor = 0, patch = 0] = facts.version
    .replace(/^5\.5\.5-/, "")
    .split(/[.-]/)
    .map(Number);
  const from = (a: number, b: number, c = 0) => major > a || (major === a && (minor > b || (minor === b && patch >= c)));
  return {
    mariadb,
    maxPacket: facts.packet,
    localInfile: facts.localInfile,
    rowAlias: !mariadb && from(8, 0, 19),
    expressionDefaults: mariadb ? from(10, 2, 1) : from(8, 0, 13),
    vectorFunction: mariadb ? (from(11, 7) ? "VEC_FromText" : null) : from(9, 0) ? "STRING_TO_VECTOR" : null,
    exactCollation: mariadb ? "utf8mb4_nopad_bin" : from(8, 0, 17) ? "utf8mb4_0900_bin" : "utf8mb4_bin",
  };
}
