import type { Api } from "../../protocol/wire/api.js";
import type { RequestContext } from "./context.js";

/** An API with what answers it. `null`: the protocol has no answer to this request (a produce with acks 0). */
export interface Handler {
  readonly api: Api;
  handle(request: any, context: RequestContext): Promise<unknown>;
}

export function handler<Q, S>(api: Api<Q, S>, handle: (request: Q, context: RequestContext) => Promise<S | null>): Handler {
  return { api, handle };
}
