import type { FunctionDeclaration } from "../declaration.js";

/** scheme, authority, path, query, fragment of RFC 3986, as written */
const uri = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/;
function parts(url: string): (string | null)[] | null {
  const m = /[\s<>"{}|\\^`]/.test(url) ? null : uri.exec(url);
  return m ? m.slice(1).map((p) => p ?? null) : null;
}
const hostOf = (authority: string | null) => authority?.replace(/^.*@/, "").replace(/:\d*$/, "") || null;
function portOf(authority: string | null): number | null {
  const m = /:(\d+)$/.exec(authority ?? "");
  return m ? Number(m[1]) : null;
}
function decoded(s: string | null): string | null {
  if (s === null) return null;
  try {
    return decodeURIComponent(s);
  } catch {
    return s;
  }
}
function extract(
  name: string,
  what: string,
  example: readonly [string, string],
  call: (p: (string | null)[]) => unknown,
  returns = "STRING",
): FunctionDeclaration {
  return {
    name: `URL_EXTRACT_${name}`,
    category: "URL",
    description: `The ${what} of a URL, NULL where it has none.`,
    examples: [example],
    overloads: [
      {
        args: "STRING",
        returns,
        call: (s: string) => {
          const p = parts(s);
          return p && call(p);
        },
      },
    ],
  };
}
const sample = "https://u@docs.io:80/a/b?x=1%202&y=3#top";

export const urlFunctions: readonly FunctionDeclaration[] = [
  extract("PROTOCOL", "scheme", [`URL_EXTRACT_PROTOCOL('${sample}')`, "https"], (p) => p[0]),
  extract("HOST", "host", [`URL_EXTRACT_HOST('${sample}')`, "docs.io"], (p) => hostOf(p[1]!)),
  extract("PORT", "port", [`URL_EXTRACT_PORT('${sample}')`, "80"], (p) => portOf(p[1]!), "INTEGER"),
  extract("PATH", "path", [`URL_EXTRACT_PATH('${sample}')`, "/a/b"], (p) => decoded(p[2]!)),
  extract("QUERY", "query", [`URL_EXTRACT_QUERY('${sample}')`, "x=1 2&y=3"], (p) => decoded(p[3]!)),
  extract("FRAGMENT", "fragment", [`URL_EXTRACT_FRAGMENT('${sample}')`, "top"], (p) => decoded(p[4]!)),
  {
    name: "URL_EXTRACT_PARAMETER",
    category: "URL",
    description: "The value of a parameter in a URL's query, NULL where it is not there.",
    examples: [[`URL_EXTRACT_PARAMETER('${sample}', 'y')`, "3"]],
    overloads: [
      {
        args: "STRING, STRING",
        returns: "STRING",
        call: (s: string, name: string) => {
          for (const pair of (parts(s)?.[3] ?? "").split("&")) {
            const at = pair.indexOf("=");
            if (decoded(at < 0 ? pair : pair.slice(0, at)) === name) return at < 0 ? null : decoded(pair.slice(at + 1));
          }
          return null;
        },
      },
    ],
  },
  {
    name: "URL_ENCODE_PARAM",
    category: "URL",
    description: "The text as a form's parameter: spaces as +, others than letters, digits, `.`, `-`, `*`, `_` as %XX.",
    examples: [["URL_ENCODE_PARAM('a b&c')", "a+b%26c"]],
    overloads: [
      {
        args: "STRING",
        returns: "STRING",
        call: (s: string) =>
          encodeURIComponent(s)
            .replace(/[!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
            .replace(/%20/g, "+"),
      },
    ],
  },
  {
    name: "URL_DECODE_PARAM",
    category: "URL",
    description: "The text of a form's parameter.",
    examples: [["URL_DECODE_PARAM('a+b%26c')", "a b&c"]],
    overloads: [{ args: "STRING", returns: "STRING", call: (s: string) => decodeURIComponent(s.replace(/\+/g, " ")) }],
  },
];
