import type { FunctionDeclaration } from "../declaration.js";

type List = readonly unknown[];

/** Every combination of the elements with NULL in their places; the last changes fastest, and a NULL element has one state. */
function cube(list: List): unknown[][] {
  let rows: unknown[][] = [[]];
  for (const x of list)
    rows = rows.flatMap((row) =>
      x === null
        ? [[...row, null]]
        : [
            [...row, null],
            [...row, x],
          ],
    );
  return rows;
}

export const tableFunctions: readonly FunctionDeclaration[] = [
  {
    name: "EXPLODE",
    category: "TABLE",
    description: "A row for each element of an array; none where it is NULL or empty.",
    examples: [],
    overloads: [{ args: "ARRAY<T>", returns: "ARRAY<T>", call: (list: List) => list }],
  },
  {
    name: "CUBE_EXPLODE",
    category: "TABLE",
    description: "A row for each combination of the array's elements with NULL in their places.",
    examples: [],
    overloads: [{ args: "ARRAY<T>", returns: "ARRAY<ARRAY<T>>", call: cube }],
  },
];
