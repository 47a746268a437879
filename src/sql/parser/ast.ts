/** Where a node's text begins; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Expressions as written: names are unresolved, no type is known. The analyser turns them into plan/expression.ts. */
export type ParsedExpression =
  | (Node & { readonly kind: "null" })
  | (Node & { readonly kind: "boolean"; readonly value: boolean })
  | (Node & { readonly kind: "string"; readonly value: string })
  /** INTEGER or BIGINT by its size */
  | (Node & { readonly kind: "integer"; readonly text: string })
  | (Node & { readonly kind: "decimal"; readonly text: string })
  | (Node & { readonly kind: "double"; readonly text: string })
  | (Node & { readonly kind: "name"; readonly qualifier: string | null; readonly name: string })
  | (Node & { readonly kind: "call"; readonly name: string; readonly args: readonly ParsedExpression[]; readonly star: boolean })
  | (Node & { readonly kind: "lambda"; readonly parameters: readonly string[]; readonly body: ParsedExpression })
  | (Node & { readonly kind: "binary"; readonly op: BinaryOp; readonly left: ParsedExpression; readonly right: ParsedExpression })
  | (Node & { readonly kind: "unary"; readonly op: "-" | "+" | "NOT"; readonly operand: ParsedExpression })
  | (Node & { readonly kind: "is-null"; readonly operand: ParsedExpression; readonly negated: boolean })
  | (Node & {
      readonly kind: "like";
      readonly operand: ParsedExpression;
      readonly pattern: ParsedExpression;
      readonly escape: string | null;
      readonly negated: boolean;
    })
  | (Node & {
      readonly kind: "in";
      readonly operand: ParsedExpression;
      readonly list: readonly ParsedExpression[];
      readonly negated: boolean;
    })
  /** `x IN (SELECT …)` */
  | (Node & { readonly kind: "in-query"; readonly operand: ParsedExpression; readonly query: Query; readonly negated: boolean })
  | (Node & {
      readonly kind: "between";
      readonly operand: ParsedExpression;
      readonly low: ParsedExpression;
      readonly high: ParsedExpression;
      readonly negated: boolean;
    })
  | (Node & {
      readonly kind: "case";
      /** set in `CASE x WHEN …` */
      readonly operand: ParsedExpression | null;
      readonly branches: readonly { readonly when: ParsedExpression; readonly then: ParsedExpression }[];
      readonly otherwise: ParsedExpression | null;
    })
  | (Node & { readonly kind: "cast"; readonly operand: ParsedExpression; readonly type: ParsedType })
  | (Node & { readonly kind: "subscript"; readonly operand: ParsedExpression; readonly index: ParsedExpression })
  | (Node & { readonly kind: "dereference"; readonly operand: ParsedExpression; readonly field: string })
  /** `s->*`, in a select list only */
  | (Node & { readonly kind: "struct-all"; readonly operand: ParsedExpression })
  | (Node & { readonly kind: "array"; readonly items: readonly ParsedExpression[] })
  | (Node & {
      readonly kind: "map";
      readonly entries: readonly { readonly key: ParsedExpression; readonly value: ParsedExpression }[];
    })
  | (Node & { readonly kind: "struct"; readonly fields: readonly { readonly name: string; readonly value: ParsedExpression }[] })
  /** the unit of `DATEADD(DAYS, …)` and the like */
  | (Node & { readonly kind: "interval-unit"; readonly unit: string });

export interface Node {
  readonly at: Position;
}
export type BinaryOp =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "="
  | "<>"
  | "<"
  | "<="
  | ">"
  | ">="
  | "IS DISTINCT FROM"
  | "IS NOT DISTINCT FROM"
  | "AND"
  | "OR"
  | "||";

/** A type as written: a custom type is still a name. */
export type ParsedType =
  | { readonly base: "NAMED"; readonly name: string; readonly at: Position }
  | { readonly base: "DECIMAL"; readonly precision: number; readonly scale: number }
  | { readonly base: "ARRAY"; readonly element: ParsedType }
  | { readonly base: "MAP"; readonly key: ParsedType; readonly value: ParsedType }
  | { readonly base: "STRUCT"; readonly fields: readonly { readonly name: string; readonly type: ParsedType }[] }
  | { readonly base: "BOOLEAN" | "INTEGER" | "BIGINT" | "DOUBLE" | "STRING" | "BYTES" | "TIME" | "DATE" | "TIMESTAMP" };

export type ColumnRole = "KEY" | "PRIMARY KEY" | "HEADERS" | "VALUE";
export interface ColumnDefinition extends Node {
  readonly name: string;
  readonly type: ParsedType;
  readonly role: ColumnRole;
  /** of `HEADER('key')` */
  readonly headerKey?: string;
}

/** A literal in WITH, SET and connector properties. */
export type PropertyValue = string | number | boolean | null;
/** By upper-case name for WITH; as written for connectors. */
export type Properties = Readonly<Record<string, PropertyValue>>;

export type SourceKind = "stream" | "table";
/** A duration as written, in ms. */
export interface Duration {
  readonly ms: number;
  readonly text: string;
}
export interface WindowClause extends Node {
  readonly type: "TUMBLING" | "HOPPING" | "SESSION";
  readonly size: Duration;
  readonly advance?: Duration;
  readonly retention?: Duration;
  readonly grace?: Duration;
}
export type SelectItem =
  | (Node & { readonly kind: "all"; readonly source: string | null })
  | (Node & { readonly kind: "column"; readonly expression: ParsedExpression; readonly alias: string | null });
export interface FromSource extends Node {
  /** of a subquery its alias */
  readonly name: string;
  readonly alias: string | null;
  readonly query?: Query;
}
/** `WITH name AS (query)` */
export interface CommonTable extends Node {
  readonly name: string;
  readonly query: Query;
}
export interface JoinClause extends Node {
  readonly type: "INNER" | "LEFT" | "RIGHT" | "FULL";
  readonly source: FromSource;
  readonly within?: { readonly before: Duration; readonly after: Duration; readonly grace?: Duration };
  readonly on: ParsedExpression;
}
export interface OrderItem extends Node {
  readonly expression: ParsedExpression;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}
export interface Query extends Node {
  /** WITH, in the order written: each may name those before it */
  readonly with?: readonly CommonTable[];
  /** SELECT DISTINCT */
  readonly distinct?: boolean;
  /** the further SELECTs of a UNION ALL; `with`, `emit` and `limit` are the whole's */
  readonly unionAll?: readonly Query[];
  readonly select: readonly SelectItem[];
  readonly from: FromSource;
  readonly joins: readonly JoinClause[];
  readonly window: WindowClause | null;
  readonly where: ParsedExpression | null;
  readonly groupBy: readonly ParsedExpression[] | null;
  readonly partitionBy: readonly ParsedExpression[] | null;
  readonly having: ParsedExpression | null;
  /** of a pull query */
  readonly orderBy?: readonly OrderItem[];
  /** null where nothing is written: a pull query, or a persistent one in the older dialect */
  readonly emit: "CHANGES" | "FINAL" | null;
  readonly limit: number | null;
}

export type Statement =
  | (Node & { readonly kind: "query"; readonly query: Query })
  | CreateSource
  | CreateAs
  | (Node & {
      readonly kind: "insert-select";
      readonly target: string;
      readonly targetAt: Position;
      readonly properties: Properties;
      readonly query: Query;
    })
  | InsertValues
  | (Node & {
      readonly kind: "drop-source";
      readonly source: SourceKind;
      readonly name: string;
      readonly ifExists: boolean;
      readonly deleteTopic: boolean;
    })
  | (Node & {
      readonly kind: "alter-source";
      readonly source: SourceKind;
      readonly name: string;
      readonly columns: readonly { readonly name: string; readonly type: ParsedType }[];
    })
  | (Node & { readonly kind: "create-type"; readonly name: string; readonly type: ParsedType; readonly ifNotExists: boolean })
  | (Node & { readonly kind: "drop-type"; readonly name: string; readonly ifExists: boolean })
  | (Node & {
      readonly kind: "create-connector";
      readonly connector: "source" | "sink";
      readonly name: string;
      readonly ifNotExists: boolean;
      readonly properties: Properties;
    })
  | (Node & { readonly kind: "drop-connector"; readonly name: string; readonly ifExists: boolean })
  | (Node & { readonly kind: "explain"; readonly queryId: string | null; readonly statement: Statement | null; readonly analyze: boolean })
  /** `queryId` null is ALL */
  | (Node & { readonly kind: "terminate" | "pause" | "resume"; readonly queryId: string | null })
  | (Node & { readonly kind: "set"; readonly name: string; readonly value: string })
  | (Node & { readonly kind: "unset"; readonly name: string })
  | (Node & { readonly kind: "alter-system"; readonly name: string; readonly value: string })
  | (Node & { readonly kind: "define"; readonly name: string; readonly value: string })
  | (Node & { readonly kind: "undefine"; readonly name: string })
  | (Node & {
      readonly kind: "print";
      readonly topic: string;
      readonly fromBeginning: boolean;
      readonly interval: number | null;
      readonly limit: number | null;
    })
  | (Node & { readonly kind: "list"; readonly what: ListTarget; readonly all: boolean; readonly extended: boolean })
  | (Node & { readonly kind: "describe"; readonly what: DescribeTarget; readonly name: string; readonly extended: boolean })
  | (Node & {
      readonly kind: "assert-topic";
      readonly topic: string;
      readonly properties: Properties;
      readonly exists: boolean;
      readonly timeout: Duration | null;
    })
  | (Node & {
      readonly kind: "assert-schema";
      readonly subject: string | null;
      readonly id: number | null;
      readonly exists: boolean;
      readonly timeout: Duration | null;
    })
  /** of the test tool */
  | (Node & {
      readonly kind: "assert-values";
      readonly tombstone: boolean;
      readonly target: string;
      readonly columns: readonly string[];
      readonly values: readonly ParsedExpression[];
    })
  | (Node & { readonly kind: "assert-source"; readonly definition: CreateSource })
  | (Node & { readonly kind: "run-script"; readonly path: string })
  | (Node & { readonly kind: "spool"; readonly path: string | null });

export interface CreateSource extends Node {
  readonly kind: "create-source";
  readonly source: SourceKind;
  readonly name: string;
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  /** CREATE SOURCE STREAM/TABLE: read-only */
  readonly isSource: boolean;
  /** empty where the schema is to come from the registry */
  readonly columns: readonly ColumnDefinition[];
  readonly properties: Properties;
}
export interface CreateAs extends Node {
  readonly kind: "create-as";
  readonly source: SourceKind;
  readonly name: string;
  readonly orReplace: boolean;
  readonly ifNotExists: boolean;
  readonly properties: Properties;
  readonly query: Query;
}
export interface InsertValues extends Node {
  readonly kind: "insert-values";
  readonly target: string;
  /** empty where not written: the source's own, in order */
  readonly columns: readonly string[];
  readonly values: readonly ParsedExpression[];
}
export type ListTarget =
  | "PROPERTIES"
  | "TOPICS"
  | "STREAMS"
  | "TABLES"
  | "FUNCTIONS"
  | "CONNECTORS"
  | "SOURCE CONNECTORS"
  | "SINK CONNECTORS"
  | "CONNECTOR PLUGINS"
  | "TYPES"
  | "VARIABLES"
  | "QUERIES";
/** `DESCRIBE name`, `DESCRIBE STREAMS`, `DESCRIBE TABLES` (name is empty), `DESCRIBE FUNCTION f`, `DESCRIBE CONNECTOR c` */
export type DescribeTarget = "SOURCE" | "STREAMS" | "TABLES" | "FUNCTION" | "CONNECTOR";
