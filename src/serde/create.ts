import { MillraceError } from "../common/errors.js";
import type { SchemaClient } from "../schema-registry/client.js";
import type { RowSerde, RowSerdeRequest } from "./row-serde.js";

export interface SerdeServices {
  readonly registry: SchemaClient;
}

/**
 * A format bound to columns, as ksqlDB's formats write and read them: AVRO, JSON, KAFKA, DELIMITED, NONE.
 * @throws UNSUPPORTED for a format that is not known or not built, DATA_INVALID for columns that the format cannot hold
 */
export function createRowSerde(request: RowSerdeRequest, _services: SerdeServices): RowSerde {
  throw new MillraceError("UNSUPPORTED", `Unknown format: ${request.format}`);
}
