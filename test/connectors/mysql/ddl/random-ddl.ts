import type { TableModel } from "../../../../src/connectors/mysql/table-model.js";

/** Takes numbers from a list and turns them into choices; when the list is used up, always the first choice. */
export class Choices {
  private at = 0;
  constructor(private readonly numbers: readonly number[]) {}

  below(n: number): number {
    const v = this.numbers[this.at++] ?? 0;
    return n <= 0 ? 0 : v % n;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  chance(percent: number): boolean {
    return this.below(100) >= 100 - percent;
  }
}

const charsets = ["latin1", "utf8mb4", "utf8mb3", "utf8", "ascii", "utf16", "ucs2", "gbk", "sjis", "cp1251", "binary", "utf32"];
const collations = [
  "utf8mb4_bin",
  "latin1_general_ci",
  "utf8mb4_unicode_ci",
  "latin1_swedish_ci",
  "utf8_general_ci",
  "ascii_bin",
  "binary",
];
const names = ["a", "b", "c", "d", "E", "f g", "order", "h`i", "Key", "ü", "1st", "comment", "status"];

export function quote(name: string): string {
  return /^[a-z_][a-z0-9_]*$/i.test(name) && !["order", "key"].includes(name.toLowerCase()) ? name : `\`${name.replaceAll("`", "``")}\``;
}

/** Texts of statements on a table, made from choices and from what the table looks like now. */
export class RandomDdl {
  private hasAuto = false;

  constructor(
    private readonly c: Choices,
    private readonly flavor: "mysql" | "mariadb",
    private readonly model: TableModel | undefined,
  ) {
    this.hasAuto = model?.columns.some((col) => col.autoIncrement) ?? false;
  }

  private word(w: string): string {
    return this.c.chance(30) ? w.toLowerCase() : w;
  }

  private comment(): string {
    return this.c.of([" ", " ", " ", "\n", " /* note; ' */ ", " -- note\n", " # x\n"]);
  }

  charset(): string {
    const { c } = this;
    const set = c.of(["CHARACTER SET", "CHARSET", "CHAR SET"]);
    const which = c.below(6);
    if (which === 0) return ` ${set} ${c.of(charsets)}`;
    if (which === 1) return ` COLLATE ${c.of(collations)}`;
    if (which === 2) return ` ${set} utf8mb4 COLLATE utf8mb4_bin`;
    return "";
  }

  /** Only those that have every member; CONVERT TO spoils the members of wide ones in MySQL itself. */
  private memberCharset(): string {
    return this.c.of([
      "",
      "",
      " CHARSET latin1",
      " CHARACTER SET utf8mb4",
      " COLLATE utf8mb4_bin",
      " CHAR SET utf8",
      " COLLATE latin1_general_ci",
    ]);
  }

  /** Of ASCII: CONVERT TO makes question marks of other members in both servers. */
  enumValues(): string {
    const { c } = this;
    const all = ["'a'", "'b'", "'it''s'", "'x,y'", "'(z)'", "'tail  '", '"d\\"q"', "'back\\\\slash'", "'l\\'q'", "''", "'-'"];
    const from = c.below(all.length);
    return [...all.slice(from), ...all.slice(0, from)].slice(0, 1 + c.below(5)).join(c.of([",", ", "]));
  }

  /** A type, and the default that fits it, or null. */
  type(): { type: string; default: string | null; numeric?: boolean; text?: boolean; long?: boolean; time?: boolean } {
    const { c } = this;
    const sign = () => c.of(["", "", " UNSIGNED", " SIGNED", " ZEROFILL", " unsigned zerofill"]);
    switch (c.below(30)) {
      case 0:
      case 1: {
        const t = c.of([
          "INT",
          "INTEGER",
          "BIGINT",
          "SMALLINT",
          "TINYINT",
          "MEDIUMINT",
          "INT4",
          "INT8",
          "INT2",
          "INT3",
          "INT1",
          "MIDDLEINT",
        ]);
        return { type: t + c.of(["", "(4)", "(11)"]) + sign(), default: c.of(["7", "'8'", "+9", "0x0f", "b'101'"]), numeric: true };
      }
      case 2:
        return { type: c.of(["BOOL", "BOOLEAN", "TINYINT(1)"]), default: c.of(["TRUE", "FALSE", "1"]), numeric: true };
      case 3: {
        const t = c.of(["DECIMAL", "NUMERIC", "DEC", "FIXED"]) + c.of(["", "(5)", "(10,2)", "(65,30)", "(12, 0)"]);
        return { type: t + c.of(["", " UNSIGNED"]), default: c.of(["1.5", "'2'", "-3"]), numeric: true };
      }
      case 4: {
        const t = c.of([
          "FLOAT",
          "FLOAT(10)",
          "FLOAT(30)",
          "FLOAT(7,3)",
          "DOUBLE",
          "DOUBLE PRECISION",
          "REAL",
          "DOUBLE(8,2)",
          "FLOAT8",
          "FLOAT4",
        ]);
        return { type: t + c.of(["", " UNSIGNED"]), default: c.of(["1.5", "2e1", ".5"]), numeric: true };
      }
      case 5:
        return { type: `BIT${c.of(["", "(1)", "(8)", "(64)"])}`, default: c.of(["b'1'", "0b0", "1", "x'01'"]) };
      case 6:
        return { type: c.of(["DATE", "date"]), default: "'2020-01-02'" };
      case 7:
        return { type: `TIME${c.of(["", "(0)", "(3)", "(6)"])}`, default: "'10:11:12'" };
      case 8: {
        const p = c.of(["", "(0)", "(3)", "(6)"]);
        return { type: `DATETIME${p}`, default: c.of([`CURRENT_TIMESTAMP${p === "(0)" ? "" : p}`, "'2020-01-02 03:04:05'"]), time: true };
      }
      case 9: {
        const p = c.of(["", "(1)", "(6)"]);
        return { type: `TIMESTAMP${p}`, default: c.of([`NOW${p || "()"}`, `LOCALTIMESTAMP${p}`, "'2020-01-02 03:04:05'"]), time: true };
      }
      case 10:
        return { type: c.of(["YEAR", "YEAR(4)"]), default: "2020" };
      case 11:
      case 12:
      case 13: {
        const t = c.of([
          "VARCHAR(20)",
          "CHAR",
          "CHAR(9)",
          "CHARACTER VARYING(7)",
          "VARCHAR(255)",
          "VARCHARACTER(3)",
          "CHAR VARYING(30)",
          "CHARACTER(2)",
        ]);
        const charset = this.charset();
        return { type: t + charset + (charset.includes("COLLATE") ? "" : c.of(["", "", "", " BINARY"])), default: "'x'", text: true };
      }
      case 14:
        return {
          type: c.of(["NCHAR(5)", "NATIONAL VARCHAR(5)", "NVARCHAR(6)", "NATIONAL CHAR VARYING(3)", "NCHAR VARYING(2)"]),
          default: "N'n'",
          text: true,
        };
      case 15:
        return {
          type: c.of(["CHAR(5) ASCII", "VARCHAR(6) UNICODE", "CHAR(4) BYTE", "VARCHAR(5) ASCII BINARY"]),
          default: null,
          text: true,
        };
      case 16:
      case 17: {
        const t = c.of([
          "TEXT",
          "TINYTEXT",
          "MEDIUMTEXT",
          "LONGTEXT",
          "TEXT(50)",
          "TEXT(100)",
          "TEXT(20000)",
          "TEXT(70000)",
          "LONG",
          "LONG VARCHAR",
        ]);
        return { type: t + this.charset(), default: null, long: true };
      }
      case 18:
        return {
          type: c.of(["BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BLOB(10)", "BLOB(300)", "LONG VARBINARY"]),
          default: null,
          long: true,
        };
      case 19:
        return { type: c.of(["BINARY", "BINARY(5)", "VARBINARY(12)"]), default: c.of(["'b'", "x'41'"]), text: true };
      case 20:
      case 21:
        return { type: `ENUM(${this.enumValues()})${this.memberCharset()}`, default: null };
      case 22:
        return { type: `SET('p','q','r s')${this.memberCharset()}`, default: "'p,q'" };
      case 23:
        return { type: "JSON", default: null, long: true };
      case 24: {
        const t = c.of([
          "GEOMETRY",
          "POINT",
          "LINESTRING",
          "POLYGON",
          "MULTIPOINT",
          "MULTILINESTRING",
          "MULTIPOLYGON",
          "GEOMETRYCOLLECTION",
        ]);
        return {
          type: t + (this.flavor === "mysql" ? c.of(["", " SRID 4326"]) : c.of(["", " REF_SYSTEM_ID=4326"])),
          default: null,
          long: true,
        };
      }
      case 25:
        if (this.flavor === "mysql") return { type: "VECTOR(3)", default: null, long: true };
        return { type: c.of(["UUID", "INET6", "INET4"]), default: null };
      default:
        return { type: c.of(["INT", "VARCHAR(10)"]), default: null, text: true };
    }
  }

  /** A column's definition behind its name. */
  definition(alone = true): string {
    const { c } = this;
    if (!this.hasAuto && alone && c.chance(6)) {
      this.hasAuto = true;
      return c.of(["SERIAL", "INT AUTO_INCREMENT UNIQUE", "BIGINT UNSIGNED NOT NULL UNIQUE KEY AUTO_INCREMENT"]);
    }
    const t = this.type();
    let text = t.type;
    if (t.numeric && !/ZEROFILL|zerofill/.test(text) && c.chance(8)) {
      const kind = c.of(["STORED", "VIRTUAL", "", this.flavor === "mariadb" ? "PERSISTENT" : "STORED"]);
      return `${text} ${c.of(["GENERATED ALWAYS AS", "AS"])} (1 + ${c.of(["1", "2 * (3)"])}) ${kind}${c.of(["", " COMMENT 'gen'"])}`;
    }
    const after: string[] = [];
    const nullness = c.of(["", "", " NOT NULL", " NULL"]);
    if (nullness && !(t.type.startsWith("TIMESTAMP") && nullness === " NULL" && t.default === null)) after.push(nullness);
    if (t.default !== null && c.chance(50)) {
      after.push(` DEFAULT ${t.default}`);
      if (t.time && c.chance(40)) {
        const p = /\((\d)\)/.exec(t.type)?.[1];
        after.push(` ON UPDATE CURRENT_TIMESTAMP${p && p !== "0" ? `(${p})` : ""}`);
      }
    } else if (nullness !== " NOT NULL" && c.chance(20)) after.push(" DEFAULT NULL");
    if (c.chance(15)) after.push(` COMMENT ${c.of(["'a note'", "'it''s; a, note)'", "''", '"dq"'])}`);
    if (alone && (t.numeric || t.text) && c.chance(8)) after.push(c.of([" UNIQUE", " UNIQUE KEY"]));
    if (alone && (t.numeric || t.text) && nullness !== " NULL" && !this.model && c.chance(6)) after.push(c.of([" PRIMARY KEY", " KEY"]));
    if (c.chance(5)) after.push(this.flavor === "mysql" ? " /*!80023 INVISIBLE */" : " INVISIBLE");
    // attributes come in any order, but what belongs together stays together
    if (c.chance(30)) after.reverse();
    if (after.some((a) => a.startsWith(" ON UPDATE")) && after[0]!.startsWith(" ON UPDATE")) after.reverse();
    text += after.join("");
    return c.chance(5) && t.numeric ? `${text} CHECK (1 < 2)` : text;
  }

  private freshName(taken: readonly string[]): string | null {
    const free = names.filter((n) => !taken.some((t) => t.toLowerCase() === n.toLowerCase()));
    return free.length ? this.c.of(free) : null;
  }

  private keyable(): string[] {
    return (this.model?.columns ?? [])
      .filter((col) => !/TEXT|BLOB|JSON|GEOM|POINT|LINE|POLYGON|VECTOR/.test(col.type) && !(col.length !== null && col.length > 100))
      .map((col) => col.name);
  }

  private keyList(columns: readonly string[]): string {
    const { c } = this;
    const n = 1 + c.below(Math.min(3, columns.length));
    const from = c.below(columns.length);
    const list = Array.from({ length: n }, (_, i) => columns[(from + i) % columns.length]!);
    return [...new Set(list)].map((k) => quote(k) + c.of(["", "", " DESC", " ASC"])).join(c.of([",", ", "]));
  }

  key(columns: readonly string[]): string {
    const { c } = this;
    const list = `(${this.keyList(columns)})`;
    const name = c.of(["", "", " k1", " `k 2`", " K3"]);
    return c.of([
      `UNIQUE KEY${name} ${list}`,
      `UNIQUE${name} USING BTREE ${list}`,
      `CONSTRAINT uc UNIQUE ${list}`,
      `KEY${name} ${list}`,
      `INDEX${name} ${list} COMMENT 'i, (x)'`,
      `PRIMARY KEY ${list}`,
      `CONSTRAINT pk PRIMARY KEY ${list}`,
      `CONSTRAINT chk${c.below(1000)} CHECK (1 < 2)`,
    ]);
  }

  create(table: string): string {
    const { c } = this;
    const count = 1 + c.below(7);
    const used: string[] = [];
    const elements: string[] = [];
    for (let i = 0; i < count; i++) {
      const name = this.freshName(used)!;
      used.push(name);
      elements.push(`${quote(name)} ${this.definition()}`);
    }
    if (c.chance(40)) {
      used.push("k");
      elements.push("k INT NOT NULL");
      elements.push(c.of(["PRIMARY KEY (k)", "UNIQUE KEY (k)", "UNIQUE (k), UNIQUE KEY u2 (k)", "KEY (k)", "UNIQUE KEY `k` (k)"]));
    }
    const options = c.of([
      "",
      "",
      " DEFAULT CHARSET=latin1",
      " CHARACTER SET utf8mb3 COLLATE utf8mb3_bin",
      " COLLATE=utf8mb4_bin",
      " ENGINE=InnoDB COMMENT='t, (x)'",
    ]);
    const exists = c.of(["", "IF NOT EXISTS "]);
    return `${this.word("CREATE")}${this.comment()}${this.word("TABLE")} ${exists}${table} (${this.comment()}${elements.join(`,${this.comment()}`)}${this.comment()})${options}`;
  }

  private place(taken: readonly string[]): string {
    const { c } = this;
    return c.of(["", "", " FIRST", ` AFTER ${quote(c.of(taken))}`]);
  }

  private newDefault(column: string, col: string): string {
    const { type } = this.model!.columns.find((m) => m.name === column)!;
    // where explicit_defaults_for_timestamp is off, each server has a rule of its own for such a column
    if (type === "TIMESTAMP") return "FORCE";
    const value = /INT$|DECIMAL|DOUBLE|FLOAT|YEAR/.test(type) ? this.c.of(["3", "'4'", "71"]) : /CHAR|BIT/.test(type) ? "'y'" : null;
    return `ALTER ${col}${quote(column)} ${value && this.c.chance(70) ? `SET DEFAULT ${value}` : "DROP DEFAULT"}`;
  }

  /** One clause of ALTER TABLE. */
  clause(): string | null {
    const { c } = this;
    const columns = this.model!.columns.map((col) => col.name);
    const column = c.of(columns);
    const keyable = this.keyable();
    const ifNot = this.flavor === "mariadb" && c.chance(20) ? "IF NOT EXISTS " : "";
    const ifEx = this.flavor === "mariadb" && c.chance(20) ? "IF EXISTS " : "";
    const col = c.of(["COLUMN ", ""]);
    switch (c.below(20)) {
      case 0:
      case 1:
      case 2: {
        const name = this.freshName(columns);
        return name && `ADD ${col}${ifNot}${quote(name)} ${this.definition()}${this.place(columns)}`;
      }
      case 3: {
        const name = this.freshName(columns);
        const other = name && this.freshName([...columns, name]);
        return other && `ADD ${col}(${quote(name)} ${this.definition()}, ${quote(other)} ${this.definition()})`;
      }
      case 4:
      case 5:
        return columns.length > 1 ? `DROP ${col}${ifEx}${quote(column)}` : null;
      case 6:
      case 7:
      case 8:
        return `MODIFY ${col}${ifEx}${quote(column)} ${this.definition()}${this.place(columns.filter((n) => n !== column).concat(column === columns[0] && columns.length === 1 ? [column] : []))}`;
      case 9:
      case 10: {
        const name = c.chance(25) ? column : this.freshName(columns);
        const others = columns.filter((n) => n !== column);
        return name && `CHANGE ${col}${ifEx}${quote(column)} ${quote(name)} ${this.definition()}${others.length ? this.place(others) : ""}`;
      }
      case 11: {
        const name = this.freshName(columns);
        return name && `RENAME COLUMN ${quote(column)} TO ${quote(name)}`;
      }
      case 12:
        return this.newDefault(column, col);
      case 13:
      case 14:
        return keyable.length ? `ADD ${this.key(keyable)}` : null;
      case 15: {
        const index = this.model!.indexes.length ? c.of(this.model!.indexes) : null;
        if (!index) return null;
        if (index.name === "PRIMARY") return "DROP PRIMARY KEY";
        return c.of([
          `DROP INDEX ${quote(index.name)}`,
          `DROP KEY ${quote(index.name)}`,
          `RENAME INDEX ${quote(index.name)} TO r${c.below(3)}`,
        ]);
      }
      case 16: {
        const members = this.model!.columns.some((m) => m.values.length > 0);
        const wide = members ? "utf8mb4" : "utf16";
        // a default of two bytes a character becomes one of bytes
        const bytes = this.model!.columns.some((m) => /^(utf16|utf16le|utf32|ucs2)$/.test(m.charset ?? "")) ? "latin1" : "binary";
        return `CONVERT TO CHARACTER SET ${c.of(["latin1", "utf8mb4", "utf8mb3", wide, "utf8mb4 COLLATE utf8mb4_bin", bytes])}`;
      }
      case 17:
        return c.of([
          "DEFAULT CHARACTER SET latin1",
          "COLLATE utf8mb4_bin",
          "DEFAULT CHARSET = utf8mb3 COLLATE = utf8mb3_general_ci",
          "COMMENT = 'new'",
        ]);
      case 18:
        return c.of(["ENGINE=InnoDB", "AUTO_INCREMENT = 100", "FORCE", "ROW_FORMAT=DYNAMIC", "ALGORITHM=COPY", "LOCK=DEFAULT"]);
      default: {
        const name = this.freshName(columns);
        return name && `ADD ${quote(name)} INT${this.place(columns)}, ADD KEY (${quote(name)})`;
      }
    }
  }

  alter(table: string): string | null {
    const { c } = this;
    const count = c.of([1, 1, 1, 2, 3]);
    const clauses: string[] = [];
    for (let i = 0; i < count; i++) {
      const clause = this.clause();
      // MySQL refuses two words on the table's character set, and MariaDB's answer is nobody's intention
      const charset = /^(CONVERT|DEFAULT|COLLATE)/;
      if (clause && !(charset.test(clause) && clauses.some((other) => charset.test(other)))) clauses.push(clause);
    }
    return clauses.length
      ? `${this.word("ALTER")} ${this.word("TABLE")}${this.comment()}${table} ${clauses.join(`,${this.comment()}`)}`
      : null;
  }

  /** A statement on the table as it is now. */
  statement(table: string): string | null {
    const { c } = this;
    const keyable = this.keyable();
    const index = this.model!.indexes.filter((i) => i.name !== "PRIMARY");
    switch (c.below(12)) {
      case 0:
        return keyable.length
          ? `CREATE ${c.of(["UNIQUE ", ""])}INDEX ${c.of(["i1", "i2", "`i 3`"])} ON ${table} (${this.keyList(keyable)})`
          : null;
      case 1:
        return index.length ? `DROP INDEX ${quote(c.of(index).name)} ON ${table}` : null;
      default:
        return this.alter(table);
    }
  }
}
