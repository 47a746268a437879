import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GtidSet } from "../../../../src/connectors/mysql/binlog/gtid-set.js";
import { GtidList } from "../../../../src/connectors/mysql/binlog/mariadb-gtid.js";

const a = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const b = "4f11fa47-71ca-11e1-9e33-c80aa9429562";

/** A set as the plain ids in it. */
const ids = fc.uniqueArray(
  fc.tuple(fc.constantFrom(a, b), fc.constantFrom("", ":tag", ":t_2"), fc.integer({ min: 1, max: 30 })).map(([u, t, n]) => `${u}${t}:${n}`),
  { maxLength: 40 },
);

function setOf(list: readonly string[]): GtidSet {
  const set = new GtidSet();
  for (const id of list) set.add(id);
  return set;
}

describe("GTID sets of MySQL", () => {
  test("are printed as MySQL prints them", () => {
    const print = (text: string) => GtidSet.parse(text).toString();
    expect(print(`${b.toUpperCase()}:1-3:5,\n${a}:7`)).toBe(`${a}:7,${b}:1-3:5`);
    expect(print(`${a}:3-4:1-2:4-6:9`)).toBe(`${a}:1-6:9`);
    expect(print(`${a}:z:1:a:2-3,${a}:5`)).toBe(`${a}:5:a:2-3:z:1`);
    expect(print("")).toBe("");
    expect(print(`${a}:5-4`)).toBe("");
  });

  test("what is none is refused, with its text", () => {
    for (const text of ["x", a, `${a}:`, `${a}:0`, `${a}:1-`, `${a}:tag`, `${a}:1:2-x`, `${a.slice(1)}:1`, `${a}:99999999999999999999`])
      expect(() => GtidSet.parse(text), text).toThrow(
        expect.objectContaining({ code: "DATA_INVALID", message: expect.stringContaining("GTID") }),
      );
    expect(() => new GtidSet().add("1-2-3")).toThrow();
  });

  test("union, difference and containment are those of the ids", () => {
    fc.assert(
      fc.property(ids, ids, (x, y) => {
        const [left, right] = [setOf(x), setOf(y)];
        expect(GtidSet.parse(left.toString()).equals(left)).toBe(true);
        expect(left.union(right).equals(setOf([...x, ...y]))).toBe(true);
        const inY = new Set(y);
        expect(left.subtract(right).toString()).toBe(setOf(x.filter((id) => !inY.has(id))).toString());
        expect(left.contains(right)).toBe(y.every((id) => x.includes(id)));
        for (const id of y) expect(left.has(id)).toBe(x.includes(id));
        expect(left.empty).toBe(x.length === 0);
        expect(left.toString()).toBe(setOf([...x].reverse()).toString());
      }),
    );
  });
});

describe("GTID positions of MariaDB", () => {
  const list = (text: string) => GtidList.parse(text);

  test("keep each domain's last", () => {
    const position = list("1-2-50, 0-1-100");
    expect(position.toString()).toBe("0-1-100,1-2-50");
    position.add("0-3-101");
    expect(position.toString()).toBe("0-3-101,1-2-50");
    expect(position.contains(list("0-1-100"))).toBe(true);
    expect(position.contains(list("0-1-102"))).toBe(false);
    expect(position.contains(list("2-1-1"))).toBe(false);
    expect(list("0-1-5,1-1-9").union(list("0-2-7")).toString()).toBe("0-2-7,1-1-9");
    expect(list("0-1-5,1-1-9").subtract(list("0-2-7")).toString()).toBe("1-1-9");
    expect(list("").empty).toBe(true);
    for (const text of ["x", "1-2", "1-2-3-4", "1-2-x", "5000000000-1-1"]) expect(() => list(text), text).toThrow();
  });
});
