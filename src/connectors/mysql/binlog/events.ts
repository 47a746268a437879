/** Where reading the binlog goes on: by GTID set where the server has one, with the file and position beside it. */
export interface BinlogPosition {
  readonly file: string;
  /** of the next event, bytes */
  readonly position: number;
  /** executed GTID set (MySQL, tags included) or GTID list (MariaDB); null where GTIDs are off */
  readonly gtidSet: string | null;
}

/** Common to all events. Times are seconds since the epoch as the header has them. */
export interface EventHeader {
  readonly file: string;
  /** of the event's first byte, and of the one after its last (0 in events the server makes up) */
  readonly position: number;
  readonly nextPosition: number;
  readonly timestamp: number;
  readonly serverId: number;
}

/**
 * What the reader hands over, in the binlog's order. Compressed transactions (MySQL's payload event, MariaDB's compressed
 * events) arrive as the events inside, with the positions of the payload. Partial JSON updates arrive as plain ones. MariaDB,
 * whose GTID event stands for BEGIN, is given a query BEGIN behind it, so that both servers' transactions look alike.
 */
export type BinlogEvent =
  /** a transaction begins; `commitUs` are MySQL's commit times in µs since the epoch, null where the server has none */
  | {
      readonly kind: "gtid";
      readonly header: EventHeader;
      readonly gtid: string | null;
      readonly commitUs: { readonly original: number; readonly immediate: number } | null;
    }
  /** BEGIN, COMMIT, XA statements and DDL, decoded from the client's character set, with the session's sql_mode and the server's default charset's name */
  | {
      readonly kind: "query";
      readonly header: EventHeader;
      readonly database: string;
      readonly sql: string;
      readonly threadId: number;
      readonly sqlMode: number | null;
      readonly charset: string | null;
    }
  /** the statement's text before its rows (binlog_rows_query_log_events, MariaDB's annotate) */
  | { readonly kind: "rows-query"; readonly header: EventHeader; readonly sql: string }
  | { readonly kind: "rows"; readonly header: EventHeader; readonly table: TableMap; readonly rows: RowsEvent }
  /** a transaction ends (XID, or COMMIT as a query event of non-transactional engines arrives as `query`) */
  | { readonly kind: "commit"; readonly header: EventHeader }
  /** XA PREPARE ends its transaction's events here; XA COMMIT or ROLLBACK comes later as a `query`, unless it is one phase: then it is a commit */
  | { readonly kind: "xa-prepare"; readonly header: EventHeader; readonly onePhase: boolean; readonly xid: string }
  | { readonly kind: "rotate"; readonly header: EventHeader; readonly toFile: string; readonly toPosition: number }
  /** the server has nothing new */
  | { readonly kind: "heartbeat"; readonly header: EventHeader }
  /** the server lost events (an incident event): reading must not silently go on */
  | { readonly kind: "incident"; readonly header: EventHeader; readonly message: string };

/** One object as long as the table keeps its definition: what is derived from it may be kept by identity. */
export interface TableMap {
  readonly tableId: number;
  readonly database: string;
  readonly table: string;
  readonly columns: readonly ColumnWire[];
}

/** A column as the table map event has it; what only row metadata FULL has is undefined with MINIMAL. */
export interface ColumnWire {
  /** the wire's type code (type-code.ts), ENUM and SET told apart from STRING */
  readonly type: number;
  /** bytes of the value's length (BLOB, JSON, GEOMETRY, VECTOR), maximum bytes (VARCHAR, STRING), bytes (ENUM, SET), bits (BIT), precision << 8 | scale (NEWDECIMAL), fraction digits (temporal types) */
  readonly meta: number;
  readonly nullable: boolean;
  readonly unsigned: boolean | undefined;
  /** collation number; 63 is binary */
  readonly charset: number | undefined;
  readonly name: string | undefined;
  readonly values: readonly string[] | undefined;
}

export interface RowsEvent {
  readonly operation: "insert" | "update" | "delete";
  /** columns present in the image before (update, delete) and after (insert, update), a bit a column; null: no such image */
  readonly presentBefore: Uint8Array | null;
  readonly presentAfter: Uint8Array | null;
  /**
   * Many events share a buffer, which is valid until the reader is asked for more; this one's row images lie in it from `start` to `end`, see row-images.ts. The 19 bytes from
   * `scratch` on (the event's header) and the first `headroom` of the buffer are the caller's to write values into.
   */
  readonly buffer: Buffer;
  readonly scratch: number;
  readonly start: number;
  readonly end: number;
}
