import type { Document } from "mongodb";
import { MillraceError } from "../../common/errors.js";
import { KafkaId } from "./kafka-id.js";
import type { DocumentSource } from "./source.js";

/** One record on its way to a write: its key and value as documents, which the post processors change in place. */
export class SinkDocument {
  private keyDocument: Document | null | undefined;
  private valueDocument: Document | null | undefined;
  /** the `_id` was made of topic, partition and offset: a repeat is the same write */
  ownId = false;

  constructor(
    readonly source: DocumentSource,
    readonly row: number,
    private readonly clusterId: string,
    private readonly topicId: string,
  ) {}

  /** @throws RECORD_REFUSED */
  get key(): Document | null {
    if (this.keyDocument === undefined) this.keyDocument = this.source.key(this.row);
    return this.keyDocument;
  }

  /** @throws RECORD_REFUSED */
  get value(): Document | null {
    if (this.valueDocument === undefined) this.valueDocument = this.source.value(this.row);
    return this.valueDocument;
  }

  /** Topic, partition and offset as one text. */
  place(separator: string): string {
    const { topic, partition } = this.source;
    return `${topic}${separator}${partition}${separator}${this.source.offset(this.row)}`;
  }

  /** What makes an id of this record, the same whenever it comes again. */
  get kafkaId(): KafkaId {
    const { source, row } = this;
    this.ownId = true;
    return new KafkaId(`${this.clusterId}/${this.topicId}/${source.partition}`, source.offset(row), source.timestamp(row));
  }

  /** @throws RECORD_REFUSED */
  required(part: "key" | "value", why: string): Document {
    const document = this[part];
    if (document !== null) return document;
    throw new MillraceError("RECORD_REFUSED", `the record has no ${part}, which ${why} needs`);
  }
}
