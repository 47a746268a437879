/** A DOUBLE as Java prints it: `1.0`, `1.0E10`, `1.0E-5`, `NaN`, `Infinity`. */
export function formatDouble(n: number): string {
  if (!Number.isFinite(n)) return Number.isNaN(n) ? "NaN" : n > 0 ? "Infinity" : "-Infinity";
  if (n === 0) return Object.is(n, -0) ? "-0.0" : "0.0";
  const magnitude = Math.abs(n);
  if (magnitude >= 1e-3 && magnitude < 1e7) {
    const text = String(n);
    return text.includes(".") ? text : `${text}.0`;
  }
  const [mantissa, exponent] = n.toExponential().split("e") as [string, string];
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[dDfF]?$/;

/** As Java's Double.parseDouble; undefined where it would throw. */
export function parseDouble(text: string): number | undefined {
  const t = text.trim();
  if (number.test(t)) return Number(t.replace(/[dDfF]$/, ""));
  const m = /^([+-]?)(NaN|Infinity)$/.exec(t);
  return m ? (m[2] === "NaN" ? Number.NaN : m[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : undefined;
}
