/** Attributes and names that Confluent's AvroData puts into Avro schemas so that Connect's survive the round trip. */
export const AVRO_NAMESPACE = "io.confluent.connect.avro";
export const DEFAULT_RECORD_NAME = `${AVRO_NAMESPACE}.ConnectDefault`;
export const MAP_ENTRY_NAME = `${AVRO_NAMESPACE}.MapEntry`;
export const UNION_NAME = `${AVRO_NAMESPACE}.Union`;
/** A string schema's parameter with this name says that it was an enum; `….SYMBOL` lists the symbols. */
export const ENUM_PARAMETER = `${AVRO_NAMESPACE}.Enum`;
export const FIXED_SIZE_PARAMETER = "connect.fixed.size";
export const PRECISION_PARAMETER = "connect.decimal.precision";
export const DEFAULT_PRECISION = 64;

export const DECIMAL = "org.apache.kafka.connect.data.Decimal";
export const DATE = "org.apache.kafka.connect.data.Date";
export const TIME = "org.apache.kafka.connect.data.Time";
export const TIMESTAMP = "org.apache.kafka.connect.data.Timestamp";

export interface AvroDataOptions {
  /** `connect.meta.data` */
  readonly metaData: boolean;
  /** `enhanced.avro.schema.support`: enums stay enums, a union's branches have their full names */
  readonly enhanced: boolean;
  /** `scrub.invalid.names` */
  readonly scrubNames: boolean;
  /** `ignore.default.for.nullables`: null stays null where the schema has a default */
  readonly ignoreDefaultForNullables: boolean;
}
export const defaultAvroData: AvroDataOptions = { metaData: true, enhanced: false, scrubNames: false, ignoreDefaultForNullables: false };

export const nameOfUnionField = (fullName: string, enhanced: boolean): string =>
  enhanced ? fullName : fullName.slice(fullName.lastIndexOf(".") + 1);
