/** Words that cannot be a name unless quoted. All other keywords are names wherever the grammar leaves no doubt. */
export const reserved: ReadonlySet<string> = new Set(
  `SELECT FROM AS DISTINCT WHERE WITHIN WINDOW GROUP BY HAVING LIMIT AND OR NOT IN BETWEEN LIKE IS NULL TRUE FALSE CASE WHEN THEN ELSE END
   CAST JOIN FULL OUTER INNER LEFT RIGHT ON WITH VALUES CREATE INSERT DELETE INTO DESCRIBE DROP`.split(/\s+/),
);

export function isPlainName(name: string): boolean {
  return /^[A-Z_][A-Z0-9_@]*$/.test(name) && !reserved.has(name);
}
