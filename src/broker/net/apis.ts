import { apiVersions } from "../../protocol/messages/metadata.js";
import { wireErrors } from "./error-codes.js";
import { type Handler, handler } from "./handler.js";
import { aclHandlers } from "./handlers/acls.js";
import { configHandlers } from "./handlers/configs.js";
import { fetchHandlers } from "./handlers/fetch.js";
import { groupHandlers } from "./handlers/groups.js";
import { insightHandlers } from "./handlers/insight.js";
import { metadataHandlers } from "./handlers/metadata.js";
import { offsetHandlers } from "./handlers/offsets.js";
import { produceHandlers } from "./handlers/produce.js";
import { saslHandlers } from "./handlers/sasl.js";
import { topicHandlers } from "./handlers/topics.js";
import { transactionHandlers } from "./handlers/transactions.js";

const ranges = () =>
  [...handlers.values()]
    .map(({ api }) => ({
      apiKey: api.key,
      // older librdkafka takes a broker without these versions, which nothing sends, for one of before 0.10
      minVersion: api.name === "Produce" ? 0 : api.versions[0],
      maxVersion: api.versions[1],
    }))
    .sort((a, b) => a.apiKey - b.apiKey);

/** Every API of the listener, by key. */
export const handlers: ReadonlyMap<number, Handler> = new Map(
  [
    ...produceHandlers,
    ...fetchHandlers,
    ...offsetHandlers,
    ...metadataHandlers,
    ...groupHandlers,
    ...transactionHandlers,
    ...topicHandlers,
    ...configHandlers,
    ...aclHandlers,
    ...insightHandlers,
    ...saslHandlers,
    handler(apiVersions, async () => ({ apiKeys: ranges() })),
  ].map((h) => [h.api.key, h]),
);

/** To a client whose version of ApiVersions is not known here: in the oldest layout, with what is. */
export const unknownVersion = () => ({ errorCode: wireErrors.UNSUPPORTED_VERSION, apiKeys: ranges() });
