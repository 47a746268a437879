import { MillraceError } from "../../../common/errors.js";
import type { Value } from "../../../data/schema.js";
import type { Changes } from "../changes.js";
import type { PlanColumn, Statement, TablePlan } from "../dialect.js";
import type { SinkSettings } from "../settings.js";
import { zoneOf } from "../time-zone.js";
import { literalWriter, loadable } from "./literals.js";
import { RowValues, type WrittenColumn } from "./row-values.js";
import type { Server } from "./server.js";
import { SqlBuffer } from "./sql-buffer.js";
import type { MysqlTable } from "./table.js";

/**
 * Bytes of one INSERT of many rows. Measured on MySQL 9: 500 rows of 80 bytes cost the server 6.1 CPU s per million, 20,000 rows 9.4
 * (the parser's trees leave its caches), 100 rows 7.2. All statements of a transaction still go in one message.
 */
const INSERT_BYTES = 40_000;
/** Bytes of one message; larger ones gain nothing and cost both sides memory. */
const MESSAGE_BYTES = 4_000_000;
/** What BEGIN, the move of the offsets row and COMMIT may take of a message. */
export const FRAME_BYTES = 4096;

const COMMA = 44;
const OPEN = 40;
const CLOSE = 41;
const SEMICOLON = 59;
const NEWLINE = 10;

interface ReadColumn extends WrittenColumn {
  readonly read: (ordinal: number) => unknown;
}

const reading = (columns: readonly WrittenColumn[], changes: Changes): ReadColumn[] =>
  columns.map((c) => ({ ...c, read: changes.reader(c) }));

/** Statements of many rows as text; no staging table, no file and no right beyond those of the real connectors is needed. */
export function mysqlPlan(
  server: Server,
  settings: SinkSettings,
  quoted: string,
  table: MysqlTable,
  planned: readonly PlanColumn[],
): TablePlan {
  const columns = planned.map((c): WrittenColumn => {
    const zone = zoneOf(c, settings);
    return { ...c, quoted: Buffer.from(quoteIdentifier(c.name)), zone, write: literalWriter(c, zone, server.vectorFunction) };
  });
  const keyColumns = columns.filter((c) => c.isKey);
  if (settings.insertMode === "upsert") requireUniqueKey(quoted, table, keyColumns);
  const writer = new StatementWriter(server.maxPacket);
  const insert = insertParts(server, settings, quoted, table, columns);
  const load = server.localInfile && loadsWhole(settings, table, columns) ? loadText(settings, quoted, columns) : undefined;
  let loads = load !== undefined;
  const values = new RowValues(columns);
  const rows = (changes: Changes, ordinals: Int32Array) => writer.rows(insert.head, insert.tail, values, changes, ordinals);
  return {
    quotedTable: quoted,
    keyColumns,
    write(changes, ordinals) {
      if (settings.insertMode === "update") return writer.updates(quoted, reading(columns, changes), changes, ordinals);
      if (!loads || ordinals.length < LOADED_ROWS) return rows(changes, ordinals);
      const instead = () => {
        loads = false; // what warned once (a digit rounded, a value refused) mostly does again
        return rows(changes, ordinals);
      };
      const lines = writer.lines(values, changes, ordinals);
      return [{ text: load!, load: { rows: lines.bytes(0), count: ordinals.length, instead }, release: () => lines.giveBack() }];
    },
    delete: (changes, ordinals) => writer.deletes(quoted, reading(keyColumns, changes), changes, ordinals),
  };
}

const quoteIdentifier = (name: string) => `\`${name.replaceAll("`", "``")}\``;

/** Without one the database would insert a second row of the same key and call it an upsert. */
function requireUniqueKey(quoted: string, table: MysqlTable, keyColumns: readonly PlanColumn[]): void {
  if (table.uniqueKeys.length === 0 && table.isView) return;
  const names = new Set(keyColumns.map((c) => c.name));
  if (table.uniqueKeys.some((key) => key.every((name) => names.has(name)))) return;
  throw new MillraceError(
    "TARGET_FAILED",
    `table ${quoted} has no primary or unique key of ${[...names].join(", ")}: upserts need one (add it, or set insert.mode=insert)`,
  );
}

/** Fewer rows gain nothing by the extra round trip. */
const LOADED_ROWS = 500;

/**
 * LOAD DATA replaces a row by another: that is an upsert only where the rows have all columns, no other unique key, and nothing
 * hangs on them. Of a plain insert, rows whose keys are there would be skipped with a warning, and so say them again strictly.
 */
function loadsWhole(settings: SinkSettings, table: MysqlTable, columns: readonly WrittenColumn[]): boolean {
  if (table.isView || !columns.every(loadable)) return false;
  if (settings.insertMode === "insert") return true;
  return settings.insertMode === "upsert" && table.standsAlone && table.uniqueKeys.length === 1 && columns.length === table.columns.length;
}

/** SQL's own literals, a row a line: quotes are doubled and NULL is written out, as LOAD DATA reads them without an escape character. */
function loadText(settings: SinkSettings, quoted: string, columns: readonly PlanColumn[]): string {
  const replace = settings.insertMode === "upsert" ? "REPLACE " : "";
  const names = columns.map((c) => quoteIdentifier(c.name)).join(",");
  return `LOAD DATA LOCAL INFILE 'rows' ${replace}INTO TABLE ${quoted} CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '''' ESCAPED BY '' LINES TERMINATED BY '\n' (${names})`;
}

function insertParts(server: Server, settings: SinkSettings, quoted: string, table: MysqlTable, columns: readonly PlanColumn[]) {
  const q = (c: PlanColumn) => quoteIdentifier(c.name);
  const head = Buffer.from(`INSERT INTO ${quoted} (${columns.map(q).join(",")}) VALUES `);
  if (settings.insertMode !== "upsert") return { head, tail: Buffer.from("") };
  const keys = columns.filter((c) => c.isKey);
  const rest = columns.filter((c) => !c.isKey);
  const incoming = (c: PlanColumn) => (server.rowAlias ? `\`millrace incoming\`.${q(c)}` : `VALUES(${q(c)})`);
  const current = (c: PlanColumn) => `${quoted}.${q(c)}`;
  const assign = rest.map((c) => `${q(c)}=${incoming(c)}`);
  // a row that stands in the way by another unique key is another row: without this it would be overwritten in silence
  const names = new Set(keys.map((c) => c.name));
  const others = table.uniqueKeys.some((key) => !key.every((name) => names.has(name)));
  if (others) {
    const ours = keys.map((c) => `${current(c)}<=>${incoming(c)}`).join(" AND ");
    assign.unshift(`${q(keys[0]!)}=IF(${ours},${current(keys[0]!)},NULL)`);
  }
  if (assign.length === 0) assign.push(`${q(keys[0]!)}=${current(keys[0]!)}`);
  const alias = server.rowAlias ? " AS `millrace incoming`" : "";
  return { head, tail: Buffer.from(`${alias} ON DUPLICATE KEY UPDATE ${assign.join(",")}`) };
}

/** Rows as statements, cut into messages that the server takes. */
class StatementWriter {
  private readonly most: number;
  /** what a row took in the last batch, so that the next one's buffer need not grow */
  private rowBytes = 96;

  constructor(private readonly maxPacket: number) {
    this.most = Math.min(maxPacket - FRAME_BYTES, MESSAGE_BYTES);
  }

  /** INSERTs of many rows each. */
  rows(head: Buffer, tail: Buffer, values: RowValues, changes: Changes, ordinals: Int32Array): Statement[] {
    const write = values.of(changes, changes.selection(ordinals));
    const out = SqlBuffer.take(ordinals.length * this.rowBytes + 1024);
    const tuple = (k: number) => {
      out.byte(OPEN);
      write(out, k);
      out.byte(CLOSE);
    };
    const messages: [from: number, to: number][] = [];
    let message = 0; // where the message begins
    let statement = -1; // where the open statement begins
    for (let k = 0; k < ordinals.length; k++) {
      let row = out.length;
      if (statement < 0) {
        statement = row;
        out.raw(head);
      } else out.byte(COMMA);
      tuple(k);
      if (out.length - message + tail.length > this.most && row > message) {
        // the row opens the next message: what is before it is closed in its place, and the row written again behind it
        const open = row > statement;
        out.length = row;
        if (open) {
          out.raw(tail);
          out.byte(SEMICOLON);
        }
        messages.push([message, out.length]);
        message = statement = row = out.length;
        out.raw(head);
        tuple(k);
      }
      if (out.length - row + head.length + tail.length + FRAME_BYTES > this.maxPacket)
        throw changes.refused(
          ordinals[k]!,
          new RangeError(`the row takes ${out.length - row} bytes and max_allowed_packet allows ${this.maxPacket}`),
        );
      if (out.length - statement > INSERT_BYTES) {
        out.raw(tail);
        out.byte(SEMICOLON);
        statement = -1;
      }
    }
    if (statement >= 0) {
      out.raw(tail);
      out.byte(SEMICOLON);
    }
    this.rowBytes = Math.min(Math.ceil((out.length / ordinals.length) * 1.1), 10_000);
    messages.push([message, out.length]);
    // all lie in one buffer, which is free once the last is
    const release = () => out.giveBack();
    return messages.map(([from, to], i) => ({ text: out.bytes(from, to), ...(i === messages.length - 1 ? { release } : {}) }));
  }

  /** What LOAD DATA reads. */
  lines(values: RowValues, changes: Changes, ordinals: Int32Array): SqlBuffer {
    const write = values.of(changes, changes.selection(ordinals));
    const out = SqlBuffer.take(ordinals.length * this.rowBytes + 1024);
    for (let k = 0; k < ordinals.length; k++) {
      write(out, k);
      out.byte(NEWLINE);
    }
    this.rowBytes = Math.min(Math.ceil((out.length / ordinals.length) * 1.1), 10_000);
    return out;
  }

  /** One UPDATE a row, all in one message: there is no statement that both databases take for many. */
  updates(quoted: string, columns: readonly ReadColumn[], changes: Changes, ordinals: Int32Array): Statement[] {
    const rest = columns.filter((c) => !c.isKey);
    const keys = columns.filter((c) => c.isKey);
    if (rest.length === 0) return [];
    const head = Buffer.from(`UPDATE ${quoted} SET `);
    return this.each(changes, ordinals, (out, i) => {
      out.raw(head);
      this.pairs(out, rest, changes, i, COMMA_SEPARATED);
      out.ascii(" WHERE ");
      this.pairs(out, keys, changes, i, AND_SEPARATED);
      out.byte(SEMICOLON);
    });
  }

  /** DELETEs of many keys each. */
  deletes(quoted: string, keys: readonly ReadColumn[], changes: Changes, ordinals: Int32Array): Statement[] {
    const single = keys.length === 1;
    const head = Buffer.from(single ? `DELETE FROM ${quoted} WHERE ${keys[0]!.quoted} IN (` : `DELETE FROM ${quoted} WHERE `);
    let inStatement = 0;
    return this.each(changes, ordinals, (out, i, last) => {
      if (inStatement++ === 0) out.raw(head);
      else out.ascii(single ? "," : " OR ");
      if (!single) out.byte(OPEN);
      if (single) this.value(out, keys[0]!, changes, i);
      else this.pairs(out, keys, changes, i, AND_SEPARATED);
      if (!single) out.byte(CLOSE);
      if (!last && inStatement < DELETED_KEYS) return;
      out.ascii(single ? ");" : ";");
      inStatement = 0;
    });
  }

  /** A message is closed only where a statement is, which both users of this make soon enough. */
  private each(changes: Changes, ordinals: Int32Array, write: (out: SqlBuffer, i: number, last: boolean) => void): Statement[] {
    const out = new SqlBuffer(ordinals.length * 64 + 1024);
    const messages: Statement[] = [];
    let message = 0;
    let closed = 0;
    for (let k = 0; k < ordinals.length; k++) {
      const from = out.length;
      write(out, ordinals[k]!, k === ordinals.length - 1);
      if (out.length - from + FRAME_BYTES > this.maxPacket)
        throw changes.refused(
          ordinals[k]!,
          new RangeError(`the row takes ${out.length - from} bytes and max_allowed_packet allows ${this.maxPacket}`),
        );
      if (out.length - message > this.most && closed > message) {
        messages.push({ text: out.bytes(message, closed) });
        message = closed;
      }
      if (out.last === SEMICOLON) closed = out.length;
    }
    messages.push({ text: out.bytes(message) });
    return messages;
  }

  private pairs(out: SqlBuffer, columns: readonly ReadColumn[], changes: Changes, i: number, separator: Buffer): void {
    for (let c = 0; c < columns.length; c++) {
      if (c > 0) out.raw(separator);
      out.raw(columns[c]!.quoted);
      out.byte(61);
      this.value(out, columns[c]!, changes, i);
    }
  }

  private value(out: SqlBuffer, column: ReadColumn, changes: Changes, i: number): void {
    const value = column.read(i);
    if (value === null || value === undefined) {
      out.null();
      return;
    }
    try {
      column.write(out, value as Exclude<Value, null>);
    } catch (error) {
      throw changes.refused(i, error);
    }
  }
}

const COMMA_SEPARATED = Buffer.from(",");
const AND_SEPARATED = Buffer.from(" AND ");
/** Keys of one DELETE: the optimizer looks each up in the index; its memory for that is bounded. */
const DELETED_KEYS = 500;
