/**
 * A statement as it may be shown: the values of CREATE CONNECTOR's properties are hidden, since passwords are among them. Works on
 * text, so that a statement that does not even parse is hidden too.
 */
export function maskStatement(text: string): string {
  if (!/\bCONNECTOR\b/i.test(text)) return text;
  return text.replace(/(['"`]?)([\w.-]+)\1(\s*=\s*)'(?:[^']|'')*('|$)/g, (whole, quote: string, name: string, equals: string) =>
    name === "connector.class" ? whole : `${quote}${name}${quote}${equals}'[string]'`,
  );
}
