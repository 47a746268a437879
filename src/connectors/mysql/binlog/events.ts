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
 * events) arrive as the events inside.
 */
export type BinlogEvent =
  /** a transaction begins; `commitUs` are MySQL's commit times in µs since the epoch, null where the server has none */
  | {
      readonly kind: "gtid";
      readonly header: EventHeader;
      readonly gtid: string | null;
      readonly commitUs: { readonly original: number; readonly immediate: number } | null;
    }
  /** BEGIN, COMMIT, XA statements and DDL, as text in the statement's character set, with the session's sql_mode and default charset */
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
  | { readonly kind: "rotate"; readonly header: EventHeader; readonly toFile: string; readonly toPosition: number }
  /** the server has nothing new */
  | { readonly kind: "heartbeat"; readonly header: EventHeader }
  /** the server lost events (an incident event): reading must not silently go on */
  | { readonly kind: "incident"; readonly header: EventHeader; readonly message: string };

export interface TableMap {
  readonly tableId: number;
  readonly database: string;
  readonly table: string;
  readonly columns: readonly ColumnWire[];
}

/** A column as the table map event has it; what only row metadata FULL has is undefined with MINIMAL. */
export interface ColumnWire {
  /** the wire's type code, ENUM and SET told apart from STRING */
  readonly type: number;
  readonly meta: number;
  readonly nullable: boolean;
  readonly unsigned: boolean | undefined;
  readonly charset: number | undefined;
  readonly name: string | undefined;
  readonly values: readonly string[] | undefined;
}

export interface RowsEvent {
  readonly operation: "insert" | "update" | "delete";
  /** columns present in the image before (update, delete) and after (insert, update), a bit a column; null: no such image */
  readonly presentBefore: Uint8Array | null;
  readonly presentAfter: Uint8Array | null;
  /** the event's bytes; row images lie in it from `start` to `end` */
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}
