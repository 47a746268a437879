import { javaTimeFormat } from "../../../common/java-time-format.js";
import { fromLocal, zoneOffset } from "../../../common/zone.js";
import type { Long } from "../../evaluate/long.js";
import type { FunctionDeclaration, ScalarOverload } from "../declaration.js";

const category = "DATE / TIME" as const;
const day = 86_400_000;
const utc = "UTC";

/** pattern and, for points in time, zone after the first argument */
function formatting(from: string, toMs: (v: never) => number, zoned: boolean): ScalarOverload[] {
  const call = (v: never, pattern: string, zone = utc) => javaTimeFormat(pattern).format(toMs(v), zone);
  return [`${from}, STRING`, ...(zoned ? [`${from}, STRING, STRING`] : [])].map((args) => ({
    args,
    returns: "STRING",
    call: call as (...a: unknown[]) => unknown,
  }));
}
function parsing(returns: string, of: (ms: number) => number, zoned: boolean): ScalarOverload[] {
  const call = (text: string, pattern: string, zone = utc) => of(javaTimeFormat(pattern).parse(text, zone));
  return ["STRING, STRING", ...(zoned ? ["STRING, STRING, STRING"] : [])].map((args) => ({ args, returns, call }));
}

const unitMs: Readonly<Record<string, number>> = {
  MILLISECONDS: 1,
  SECONDS: 1000,
  MINUTES: 60_000,
  HOURS: 3_600_000,
  DAYS: day,
  WEEKS: 7 * day,
};
/** Months and years keep the day, or take the month's last. */
function shift(ms: number, unit: string, n: number): number {
  const step = unitMs[unit];
  if (step !== undefined) return ms + n * step;
  if (unit !== "MONTHS" && unit !== "YEARS") throw new RangeError(`Unsupported unit: ${unit}`);
  const d = new Date(ms);
  const own = d.getUTCDate();
  d.setUTCDate(1);
  d.setUTCMonth(d.getUTCMonth() + n * (unit === "YEARS" ? 12 : 1));
  const last = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 0)).getUTCDate();
  return d.setUTCDate(Math.min(own, last));
}
function adding(name: string, type: "DATE" | "TIME" | "TIMESTAMP", sign: 1 | -1, example: readonly [string, string]): FunctionDeclaration {
  const call = (unit: string, n: number, v: number) => {
    if (type === "TIMESTAMP") return shift(v, unit, sign * n);
    if (type === "DATE") return Math.floor(shift(v * day, unit, sign * n) / day);
    return ((shift(v, unit, sign * n) % day) + day) % day;
  };
  return {
    name,
    category,
    description: `A ${type} and a number of MILLISECONDS, SECONDS, MINUTES, HOURS, DAYS, WEEKS, MONTHS or YEARS ${sign > 0 ? "later" : "earlier"}${type === "TIME" ? ", round the clock" : ""}.`,
    examples: [example],
    overloads: [{ args: `UNIT, INTEGER, ${type}`, returns: type, call }],
  };
}

const ts = "CAST('2020-02-29T13:04:05.006' AS TIMESTAMP)";

export const timeFunctions: readonly FunctionDeclaration[] = [
  {
    name: "FORMAT_TIMESTAMP",
    category,
    description: "A TIMESTAMP as text by a Java pattern, in UTC or a zone.",
    examples: [
      [`FORMAT_TIMESTAMP(${ts}, 'dd.MM.yyyy h:mm a')`, "29.02.2020 1:04 PM"],
      [`FORMAT_TIMESTAMP(${ts}, 'HH:mm xxx', 'Europe/Berlin')`, "14:04 +01:00"],
    ],
    overloads: formatting("TIMESTAMP", (v: number) => v, true),
  },
  {
    name: "FORMAT_DATE",
    category,
    description: "A DATE as text by a Java pattern.",
    examples: [["FORMAT_DATE(CAST('2020-02-29' AS DATE), 'EEE, d MMM yy')", "Sat, 29 Feb 20"]],
    overloads: formatting("DATE", (v: number) => v * day, false),
  },
  {
    name: "FORMAT_TIME",
    category,
    description: "A TIME as text by a Java pattern.",
    examples: [["FORMAT_TIME(CAST('13:04:05' AS TIME), 'HHmmss')", "130405"]],
    overloads: formatting("TIME", (v: number) => v, false),
  },
  {
    name: "PARSE_TIMESTAMP",
    category,
    description: "The TIMESTAMP that a text gives by a Java pattern, in UTC or a zone.",
    examples: [["PARSE_TIMESTAMP('29.02.2020 13:04', 'dd.MM.yyyy HH:mm', 'Europe/Berlin')", "2020-02-29T12:04:00.000"]],
    overloads: parsing("TIMESTAMP", (ms) => ms, true),
  },
  {
    name: "PARSE_DATE",
    category,
    description: "The DATE that a text begins with, by a Java pattern.",
    examples: [["PARSE_DATE('20200229', 'yyyyMMdd')", "2020-02-29"]],
    overloads: [
      {
        args: "STRING, STRING",
        returns: "DATE",
        call: (text: string, pattern: string) => Math.floor(javaTimeFormat(pattern).parseStart(text, utc) / day),
      },
    ],
  },
  {
    name: "PARSE_TIME",
    category,
    description: "The TIME that a text gives by a Java pattern.",
    examples: [["PARSE_TIME('130405', 'HHmmss')", "13:04:05"]],
    overloads: parsing("TIME", (ms) => ((ms % day) + day) % day, false),
  },
  {
    name: "TIMESTAMPTOSTRING",
    category,
    description: "ms since the epoch as text by a Java pattern, in UTC or a zone.",
    examples: [["TIMESTAMPTOSTRING(0, 'yyyy-MM-dd''T''HH:mm:ss.SSS')", "1970-01-01T00:00:00.000"]],
    overloads: formatting("BIGINT", (v: Long) => Number(v), true),
  },
  {
    name: "STRINGTOTIMESTAMP",
    category,
    description: "ms since the epoch of a text by a Java pattern, in UTC or a zone.",
    examples: [["STRINGTOTIMESTAMP('1970-01-02', 'yyyy-MM-dd')", "86400000"]],
    overloads: parsing("BIGINT", (ms) => ms, true),
  },
  {
    name: "DATETOSTRING",
    category,
    description: "Days since the epoch as text by a Java pattern.",
    examples: [["DATETOSTRING(1, 'yyyy-MM-dd')", "1970-01-02"]],
    overloads: formatting("INTEGER", (v: number) => v * day, false),
  },
  {
    name: "STRINGTODATE",
    category,
    description: "Days since the epoch of a text by a Java pattern.",
    examples: [["STRINGTODATE('1970-01-02', 'yyyy-MM-dd')", "1"]],
    overloads: parsing("INTEGER", (ms) => Math.floor(ms / day), false),
  },
  {
    name: "UNIX_TIMESTAMP",
    category,
    description: "ms since the epoch, now or of a TIMESTAMP.",
    examples: [["UNIX_TIMESTAMP(CAST('1970-01-01T00:00:01' AS TIMESTAMP))", "1000"]],
    overloads: [
      { args: "", returns: "BIGINT", context: true, call: (ctx) => ctx.now() },
      { args: "TIMESTAMP", returns: "BIGINT", call: (v: number) => v },
    ],
  },
  {
    name: "UNIX_DATE",
    category,
    description: "Days since the epoch, today or of a DATE.",
    examples: [["UNIX_DATE(CAST('1970-01-03' AS DATE))", "2"]],
    overloads: [
      { args: "", returns: "INTEGER", context: true, call: (ctx) => Math.floor(ctx.now() / day) },
      { args: "DATE", returns: "INTEGER", call: (v: number) => v },
    ],
  },
  {
    name: "FROM_UNIXTIME",
    category,
    description: "The TIMESTAMP of ms since the epoch.",
    examples: [["FROM_UNIXTIME(1000)", "1970-01-01T00:00:01.000"]],
    overloads: [{ args: "BIGINT", returns: "TIMESTAMP", call: (v: Long) => Number(v) }],
  },
  {
    name: "FROM_DAYS",
    category,
    description: "The DATE of days since the epoch.",
    examples: [["FROM_DAYS(1)", "1970-01-02"]],
    overloads: [{ args: "INTEGER", returns: "DATE", call: (v: number) => v }],
  },
  {
    name: "CONVERT_TZ",
    category,
    description: "The TIMESTAMP whose wall clock in the second zone is the argument's in the first.",
    examples: [[`CONVERT_TZ(${ts}, 'UTC', '+05:00')`, "2020-02-29T18:04:05.006"]],
    overloads: [
      {
        args: "TIMESTAMP, STRING, STRING",
        returns: "TIMESTAMP",
        call: (v: number, from: string, to: string) => {
          const at = fromLocal(from, v);
          return at + zoneOffset(to, at);
        },
      },
    ],
  },
  adding("TIMESTAMPADD", "TIMESTAMP", 1, [`TIMESTAMPADD(YEARS, 1, ${ts})`, "2021-02-28T13:04:05.006"]),
  adding("TIMESTAMPSUB", "TIMESTAMP", -1, [`TIMESTAMPSUB(HOURS, 14, ${ts})`, "2020-02-28T23:04:05.006"]),
  adding("DATEADD", "DATE", 1, ["DATEADD(DAYS, 1, CAST('2020-02-28' AS DATE))", "2020-02-29"]),
  adding("DATESUB", "DATE", -1, ["DATESUB(MONTHS, 1, CAST('2020-03-31' AS DATE))", "2020-02-29"]),
  adding("TIMEADD", "TIME", 1, ["TIMEADD(HOURS, 2, CAST('23:00' AS TIME))", "01:00"]),
  adding("TIMESUB", "TIME", -1, ["TIMESUB(MINUTES, 1, CAST('00:00' AS TIME))", "23:59"]),
];
