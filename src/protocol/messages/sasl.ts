import { api } from "../wire/api.js";
import { array, bytes, int16, int64, string } from "../wire/types.js";

/** After version 0 the mechanism's messages came without any header; every client of the last ten years speaks version 1. */
export const saslHandshake = api(
  17,
  "SaslHandshake",
  [1, 1],
  Number.POSITIVE_INFINITY,
  { mechanism: string },
  { errorCode: int16, mechanisms: array(string) },
);

export const saslAuthenticate = api(
  36,
  "SaslAuthenticate",
  [0, 2],
  2,
  { authBytes: bytes },
  { errorCode: int16, errorMessage: string.nullable().or(null), authBytes: bytes, sessionLifetimeMs: int64.since(1) },
);
