import { register } from "node:module";

let hooked = false;

/** From now on what users' files import as `millrace`, `millrace/connect` and `millrace/streams` is this process's own copy. */
export function useOwnModules(): void {
  if (hooked) return;
  hooked = true;
  const urls = {
    millrace: new URL("./millrace.js", import.meta.url).href,
    "millrace/connect": new URL("../connect/api/public.js", import.meta.url).href,
    "millrace/streams": new URL("./streams.js", import.meta.url).href,
  };
  register("./plugin-hook.js", import.meta.url, { data: urls });
}
