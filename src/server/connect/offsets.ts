import { MillraceError } from "../../common/errors.js";
import type { OffsetView } from "../../connect/runtime/connector-offsets.js";
import type { ConnectWorker } from "../../connect/runtime/worker.js";
import { object } from "./body.js";
import type { Route } from "./route.js";

const none = "Partitions / offsets need to be provided for an alter offsets request";

/** Where a connector is; changed only while it is stopped. */
export function offsetRoutes(route: Route, worker: ConnectWorker): void {
  const answer = (verb: "altered" | "reset", whole: boolean) => ({
    message: whole
      ? `The offsets for this connector have been ${verb} successfully`
      : `The Connect framework-managed offsets for this connector have been ${verb} successfully. However, if this connector manages offsets externally, they will need to be manually ${verb} in the system that the connector uses.`,
  });
  route("GET", "/connectors/:name/offsets", async ({ params }) => ({ offsets: await worker.offsets(params["name"]!) }));
  route("PATCH", "/connectors/:name/offsets", async ({ params, body }) => {
    const given = (body.json() as { offsets?: unknown } | undefined)?.offsets;
    if (!Array.isArray(given) || given.length === 0) throw new MillraceError("DATA_INVALID", none);
    return answer("altered", await worker.alterOffsets(params["name"]!, given.map(viewOf)));
  });
  route("DELETE", "/connectors/:name/offsets", async ({ params }) => answer("reset", await worker.resetOffsets(params["name"]!)));
}

function viewOf(entry: unknown): OffsetView {
  const { partition, offset } = object(entry, "each of the offsets");
  return {
    partition: partition == null ? null : object(partition, "the partition of an offset"),
    offset: offset == null ? null : object(offset, "an offset"),
  };
}
