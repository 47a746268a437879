import { describe, expect, test } from "vitest";
import { type DdlSession, Tables } from "../../../../src/connectors/mysql/ddl/tables.js";

const ansiQuotes = 4;
const noBackslashEscapes = 0x100000;
const realAsFloat = 1;

function tables(flavor: "mysql" | "mariadb" = "mysql", lowerCaseTableNames = 0): Tables {
  return new Tables({ flavor, lowerCaseTableNames });
}

/** `name TYPE[(length[,scale])] [charset] !` for not null, of table `t` after the statements. */
function columns(t: Tables, name = "t"): string[] {
  return t.get("d", name)!.columns.map((c) => {
    const size = c.length === null ? "" : `(${c.length}${c.scale === null ? "" : `,${c.scale}`})`;
    return `${c.name} ${c.type}${c.unsigned ? " UNSIGNED" : ""}${size}${c.charset ? ` ${c.charset}` : ""}${c.nullable ? "" : " !"}`;
  });
}

function after(statements: string, flavor: "mysql" | "mariadb" = "mysql", session: Partial<DdlSession> = {}): Tables {
  const t = tables(flavor);
  t.apply(statements, { database: "d", ...session });
  return t;
}

const types: [string, string][] = [
  ["INTEGER(11) UNSIGNED ZEROFILL", "INT UNSIGNED(11)"],
  ["INT ZEROFILL", "INT UNSIGNED(10)"],
  ["BOOLEAN", "TINYINT(1)"],
  ["SERIAL", "BIGINT UNSIGNED !"],
  ["NUMERIC", "DECIMAL(10,0)"],
  ["DEC(7)", "DECIMAL(7,0)"],
  ["FLOAT(24)", "FLOAT"],
  ["FLOAT(25)", "DOUBLE"],
  ["DOUBLE PRECISION", "DOUBLE"],
  ["REAL", "DOUBLE"],
  ["CHAR", "CHAR(1) utf8mb4"],
  ["CHARACTER VARYING(9)", "VARCHAR(9) utf8mb4"],
  ["NATIONAL CHARACTER VARYING(9)", "VARCHAR(9) utf8mb3"],
  ["NCHAR VARCHAR(9)", "VARCHAR(9) utf8mb3"],
  ["VARCHAR(9) CHARACTER SET binary", "VARBINARY(9)"],
  ["CHAR(9) BYTE", "BINARY(9)"],
  ["TEXT CHARACTER SET binary", "BLOB"],
  ["TEXT(63)", "TINYTEXT utf8mb4"],
  ["TEXT(64)", "TEXT utf8mb4"],
  ["TEXT(255) CHARACTER SET latin1", "TINYTEXT latin1"],
  ["BLOB(65536)", "MEDIUMBLOB"],
  ["LONG", "MEDIUMTEXT utf8mb4"],
  ["LONG VARBINARY", "MEDIUMBLOB"],
  ["TIMESTAMP(0)", "TIMESTAMP"],
  ["DATETIME(6)", "DATETIME(6)"],
  ["YEAR(4)", "YEAR"],
  ["BIT", "BIT(1)"],
  ["VECTOR(3)", "VECTOR(3)"],
  ["GEOMETRYCOLLECTION", "GEOMCOLLECTION"],
  ["ENUM('a') COLLATE latin1_bin", "ENUM latin1"],
  ["VARCHAR(5) COLLATE utf8_bin", "VARCHAR(5) utf8mb3"],
  ["VARCHAR(5) CHARSET 'utf8'", "VARCHAR(5) utf8mb3"],
  ["JSON", "JSON"],
];

describe("types", () => {
  test.each(types)("%s is %s", (written, expected) => {
    expect(columns(after(`CREATE TABLE t (c ${written})`))).toEqual([`c ${expected}`]);
  });

  test("of MariaDB alone, or that it has otherwise", () => {
    const t = after(
      "CREATE TABLE t (a UUID, b INET6, c JSON, d LONGTEXT COLLATE utf8mb4_bin CHECK (json_valid(`d`)), e VARCHAR(9) COMPRESSED=zlib, f POINT REF_SYSTEM_ID=4326, g GEOMETRYCOLLECTION, h INT DEFAULT (1 + 1) CHECK (h > 0), i LONGTEXT CHECK (json_valid(`a`)))",
      "mariadb",
    );
    expect(columns(t)).toEqual([
      "a UUID",
      "b INET6",
      "c JSON utf8mb4",
      "d JSON utf8mb4",
      "e VARCHAR(9) utf8mb4",
      "f POINT",
      "g GEOMETRYCOLLECTION",
      "h INT",
      "i LONGTEXT utf8mb4",
    ]);
  });

  test("REAL is FLOAT by sql_mode", () => {
    expect(columns(after("CREATE TABLE t (c REAL)", "mysql", { sqlMode: realAsFloat }))).toEqual(["c FLOAT"]);
  });
});

const defaults: [string, string | null | undefined, boolean?][] = [
  ["INT", null],
  ["INT NOT NULL", undefined],
  ["INT DEFAULT NULL", null],
  ["INT DEFAULT -7", "-7"],
  ["INT DEFAULT +7", "7"],
  ["INT DEFAULT TRUE", "1"],
  ["INT DEFAULT 0x10", "16"],
  ["INT DEFAULT b'101'", "5"],
  ["BIT(8) DEFAULT b'101'", "101"],
  ["BIT(8) DEFAULT 5", "101"],
  ["BIT(8) DEFAULT x'05'", "101"],
  ["YEAR DEFAULT 69", "2069"],
  ["YEAR DEFAULT '70'", "1970"],
  ["DECIMAL(6,2) DEFAULT 1.5", "1.50"],
  ["DECIMAL(6,1) DEFAULT '-1.25'", "-1.3"],
  ["DECIMAL(3) DEFAULT .5", "1"],
  ["VARCHAR(9) DEFAULT 'it''s' 'two'", "it'stwo"],
  ['VARCHAR(9) DEFAULT "d\\"q\\n"', 'd"q\n'],
  ["VARCHAR(9) DEFAULT _utf8mb4'x'", "x"],
  ["VARCHAR(9) DEFAULT x'C3BC'", "ü"],
  ["VARBINARY(9) DEFAULT x'01FF'", "\u0001ÿ"],
  ["VARCHAR(99) DEFAULT '(1)'", "(1)", false],
  ["VARCHAR(99) DEFAULT (concat('a', ')'))", "(concat('a', ')'))", true],
  ["DATETIME(3) DEFAULT now(3) ON UPDATE CURRENT_TIMESTAMP(3)", "CURRENT_TIMESTAMP(3)", true],
  ["DATETIME DEFAULT LOCALTIME", "CURRENT_TIMESTAMP", true],
  ["DATE DEFAULT DATE '2020-01-02'", "2020-01-02", false],
  ["INT GENERATED ALWAYS AS (1 + (2)) STORED", undefined],
];

test.each(defaults)("the default of %s is %j", (definition, text, expression = false) => {
  const [c] = after(`CREATE TABLE t (c ${definition})`).get("d", "t")!.columns;
  expect([c!.defaultValue, c!.defaultExpression]).toEqual([text, expression]);
});

test("MariaDB's defaults without parentheses", () => {
  const t = after(
    "CREATE TABLE t (a UUID DEFAULT uuid(), b TIMESTAMP NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(), c INT DEFAULT (1 + 1), d BIGINT DEFAULT nextval(`d`.`s`), e INT DEFAULT NEXT VALUE FOR d.s)",
    "mariadb",
  );
  expect(t.get("d", "t")!.columns.map((c) => c.defaultValue)).toEqual([
    "uuid()",
    "CURRENT_TIMESTAMP",
    "(1 + 1)",
    "nextval(`d`.`s`)",
    "NEXT VALUE FOR d.s",
  ]);
});

test("timestamps fill themselves where explicit_defaults_for_timestamp is off", () => {
  const t = after("CREATE TABLE t (a TIMESTAMP, b TIMESTAMP(3), c TIMESTAMP NULL, d DATETIME)", "mysql", {
    explicitDefaultsForTimestamp: false,
  });
  expect(t.get("d", "t")!.columns.map((c) => [c.nullable, c.defaultValue, c.onUpdateNow])).toEqual([
    [false, "CURRENT_TIMESTAMP", true],
    [false, "0000-00-00 00:00:00.000", false],
    [true, null, false],
    [true, null, false],
  ]);
});

describe("the text", () => {
  test("comments of all kinds, versions, quotes and several statements", () => {
    const t = after(`
      /* ; */ -- CREATE TABLE x (
      # it's
      SET NAMES utf8mb4; CREATE TABLE/**/t(a INT,-- b INT,
        \`b\`\`;\` INT COMMENT 'a;b\\'''/*', /*!50100 c INT, */ /*!99999 d INT, */ /*M! e INT, */ f INT /*+ hint */)
        ENGINE=InnoDB /*!50100 PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB, PARTITION p1 VALUES LESS THAN MAXVALUE) */;;
      ALTER TABLE t ADD g INT; DROP VIEW v;`);
    expect(columns(t)).toEqual(["a INT", "b`; INT", "c INT", "d INT", "f INT", "g INT"]);
    expect(t.get("d", "t")!.columns[1]!.comment).toBe("a;b''/*");
  });

  test("version comments count by the server's version and flavor", () => {
    const sql = "CREATE TABLE t (a INT /*!80023 , b INT */ /*!100100 , c INT */ /*M!100100 , d INT */ /*M! , e INT */ /*! , f INT */)";
    const names = (flavor: "mysql" | "mariadb", serverVersion: number) => {
      const t = new Tables({ flavor, lowerCaseTableNames: 0, serverVersion });
      t.apply(sql, { database: "d" });
      return t
        .get("d", "t")!
        .columns.map((c) => c.name)
        .join("");
    };
    expect(names("mysql", 80022)).toBe("af");
    expect(names("mysql", 90700)).toBe("abf");
    expect(names("mariadb", 101100)).toBe("acdef");
    expect(names("mariadb", 100000)).toBe("aef");
  });

  test("ANSI_QUOTES and NO_BACKSLASH_ESCAPES", () => {
    const t = after(`CREATE TABLE "t" ("a""b" VARCHAR(9) DEFAULT 'x\\')`, "mysql", { sqlMode: ansiQuotes | noBackslashEscapes });
    const [c] = t.get("d", "t")!.columns;
    expect([c!.name, c!.defaultValue]).toEqual(['a"b', "x\\"]);
  });

  test("names that are words of the language, begin with digits or are not ASCII", () => {
    const t = after(
      "CREATE TABLE `d`.t (date DATE, comment INT, period INT, `primary` INT, 1st INT, 1e INT, größe INT, $x INT, vector INT, system INT, visible INT)",
    );
    expect(
      t
        .get("d", "t")!
        .columns.map((c) => c.name)
        .join(),
    ).toBe("date,comment,period,primary,1st,1e,größe,$x,vector,system,visible");
    t.apply("ALTER TABLE d.t DROP 1st, DROP COLUMN `primary`, ADD system2 INT AFTER comment, MODIFY t.period BIGINT", { database: null });
    expect(
      t
        .get("d", "t")!
        .columns.map((c) => c.name)
        .join(),
    ).toBe("date,comment,system2,period,1e,größe,$x,vector,system,visible");
    t.apply("CREATE TABLE d.1t (a INT); ALTER TABLE d.1t ADD b INT", { database: null });
    expect(columns(t, "1t")).toEqual(["a INT", "b INT"]);
  });

  test.each([
    "INSERT INTO t VALUES ('unfinished",
    "CREATE VIEW v AS SELECT 1 FROM t WHERE a = ';'",
    "CREATE DEFINER=`root`@`%` PROCEDURE p() BEGIN CREATE TABLE t (a INT); DROP TABLE t; END",
    "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; END",
    "CREATE OR REPLACE AGGREGATE FUNCTION f(x INT) RETURNS INT BEGIN DROP TABLE t; RETURN 1; END",
    "ALTER EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DROP TABLE t; END",
    "CREATE TEMPORARY TABLE t (a INT)",
    "DROP TEMPORARY TABLE IF EXISTS `t` /* generated by server */",
    "CREATE USER u IDENTIFIED BY 'x'; GRANT ALL ON *.* TO u; FLUSH PRIVILEGES; ANALYZE TABLE t; OPTIMIZE TABLE t",
    "CREATE SEQUENCE s START WITH 1; DROP SEQUENCE s; CREATE SERVER x FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'h')",
    "BEGIN; COMMIT; SAVEPOINT `a b`; XA START 'x'; # Dummy event",
    "SET PASSWORD FOR u = 'x'; SET @a = ';', @@b := 1; RENAME USER a TO b; DROP FUNCTION f; DROP INDEX_OF_NOTHING x",
    "",
    " ; ;",
  ])("changes no table: %s", (sql) => {
    const t = after("CREATE TABLE t (old INT)");
    expect(t.apply(sql, { database: "d" })).toEqual([]);
    expect(columns(t)).toEqual(["old INT"]);
  });

  test.each([
    ["CREATE TABLE t (a NOTATYPE)", /line 1, column 19: NOTATYPE is not a type, near "NOTATYPE\)"/],
    ["CREATE TABLE t (\n  a INT,\n  b VARCHAR(x))", /line 3, column 13: expected a whole number, near "x\)\)"/],
    ["CREATE TABLE t (a INT", /expected , or \), column|line 1, column 22: expected , or \) at the end/],
    ["CREATE TABLE t (a INT FOO)", /column 23: not an attribute of a column, near "FOO\)"/],
    ["ALTER TABLE t ADD c VARCHAR(5) DEFAULT 'x", /column 40: a string without an end/],
    ["ALTER TABLE t ALTER c FROB", /expected SET DEFAULT or DROP DEFAULT, near "FROB"/],
    ["RENAME TABLE t u", /column 16: expected TO, near "u"/],
    ["DROP TABLE", /expected the name of a table at the end/],
    ["CREATE TABLE t (a DATE(3))", /DATE\(3\) is not a type/],
    ["USE a b", /expected the end of the statement, near "b"/],
  ])("%s is refused with its place", (sql, message) => {
    expect(() => tables().apply(sql, { database: "d" })).toThrow(message);
    try {
      tables().apply(sql, { database: "d" });
    } catch (e) {
      expect(e).toMatchObject({ code: "SQL_PARSE", context: { statement: sql, position: expect.any(Number) } });
    }
  });
});

describe("keys", () => {
  const key = (t: Tables) => t.get("d", "t")!.keyColumns.join();
  test.each([
    ["a INT, b INT, PRIMARY KEY (b, a)", "b,a"],
    ["a INT KEY", "a"],
    ["a INT NOT NULL, UNIQUE (a)", "a"],
    ["a INT, UNIQUE (a)", ""],
    ["a INT UNIQUE, b INT NOT NULL, UNIQUE KEY x (b)", "b"],
    ["a INT NOT NULL, b INT NOT NULL, UNIQUE (a, b), PRIMARY KEY (b)", "b"],
    ["a INT NOT NULL, UNIQUE ((a + 1))", ""],
    ["A INT NOT NULL, b VARCHAR(99) NOT NULL, UNIQUE u (b(10)), UNIQUE (a)", "A"],
    ["a SERIAL", "a"],
    ["a INT NOT NULL, CONSTRAINT c UNIQUE KEY k USING HASH (a DESC) COMMENT 'x' VISIBLE", "a"],
    ["a INT NOT NULL, INDEX (a), FULLTEXT KEY (a), SPATIAL INDEX s (a), CHECK (a > 0), CONSTRAINT FOREIGN KEY (a) REFERENCES x (y)", ""],
  ])("of (%s)", (definition, expected) => {
    expect(key(after(`CREATE TABLE t (${definition})`))).toBe(expected);
  });

  test("come and go with indexes, constraints and columns", () => {
    const t = after("CREATE TABLE t (a INT, b INT NOT NULL, c INT NOT NULL)");
    const does = (sql: string) => {
      t.apply(sql, { database: "d" });
      return key(t);
    };
    expect(does("CREATE UNIQUE INDEX u USING BTREE ON t (b) ALGORITHM=INPLACE")).toBe("b");
    expect(does("ALTER TABLE t ADD PRIMARY KEY (a)")).toBe("a");
    expect(t.get("d", "t")!.columns[0]).toMatchObject({ nullable: false, defaultValue: undefined });
    expect(does("ALTER TABLE t RENAME COLUMN a TO z")).toBe("z");
    expect(does("ALTER TABLE t DROP PRIMARY KEY")).toBe("b");
    expect(does("ALTER TABLE t DROP CONSTRAINT u, DROP CONSTRAINT some_check")).toBe("");
    expect(does("ALTER TABLE t ADD UNIQUE (c, b)")).toBe("c,b");
    expect(does("ALTER TABLE t DROP COLUMN c")).toBe("b");
    expect(does("ALTER TABLE t RENAME KEY c TO k")).toBe("b");
    expect(does("DROP INDEX k ON t")).toBe("");
    expect(does("ALTER TABLE t CHANGE z y BIGINT, ADD PRIMARY KEY (y)")).toBe("y");
    expect(() => does("ALTER TABLE t DROP INDEX nowhere")).toThrow(/ALTER TABLE d\.t: index nowhere is not known/);
    expect(() => does("ALTER TABLE t MODIFY nowhere INT")).toThrow(/column nowhere is not known/);
  });
});
