import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../common/errors.js";
import { readIfThere, writeDurably } from "./durable-file.js";
import type { TopicConfig } from "./topic-config.js";

export interface TopicMetadata {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: number;
  readonly config: TopicConfig;
}

interface Content {
  readonly version: 1;
  readonly clusterId: string;
  /** Ids below it may have been given out. */
  readonly nextProducerId: number;
  readonly topics: readonly TopicMetadata[];
}

const producerIdBlock = 1000;

/**
 * `metadata.json`: what topics there are. It is the truth: a folder that it does not name is a leftover. Each change replaces
 * the file as a whole, one change at a time, and is on disk before anybody sees it.
 */
export class MetadataFile {
  private tail: Promise<unknown> = Promise.resolve();
  private nextProducerId: number;

  private constructor(
    private readonly path: string,
    private content: Content,
  ) {
    this.nextProducerId = content.nextProducerId;
  }

  static async open(dir: string): Promise<MetadataFile> {
    await mkdir(dir, { recursive: true });
    const path = join(dir, "metadata.json");
    const text = await readIfThere(path);
    if (text === undefined) {
      const file = new MetadataFile(path, { version: 1, clusterId: uuid(), nextProducerId: 1000, topics: [] });
      await writeDurably(path, JSON.stringify(file.content));
      return file;
    }
    const content = JSON.parse(text) as Content;
    if (content.version !== 1)
      throw new MillraceError("DATA_FOLDER_VERSION", `${path} has version ${content.version}, this program reads version 1`);
    return new MetadataFile(path, content);
  }

  get clusterId(): string {
    return this.content.clusterId;
  }
  get topics(): readonly TopicMetadata[] {
    return this.content.topics;
  }

  /** Runs after all earlier changes. `change` gives the new list of topics, or undefined to leave it. */
  update<T>(change: (save: (topics: readonly TopicMetadata[]) => Promise<void>) => Promise<T>): Promise<T> {
    const run = this.tail.then(() => change((topics) => this.write({ ...this.content, topics })));
    this.tail = run.catch(() => {});
    return run;
  }

  /** An id never given out before, in this run or an earlier one. */
  async allocateProducerId(): Promise<number> {
    if (this.nextProducerId >= this.content.nextProducerId)
      await this.update(async () => {
        if (this.nextProducerId >= this.content.nextProducerId)
          await this.write({ ...this.content, nextProducerId: this.content.nextProducerId + producerIdBlock });
      });
    return this.nextProducerId++;
  }

  private async write(content: Content): Promise<void> {
    await writeDurably(this.path, JSON.stringify(content));
    this.content = content;
  }
}

/** 16 random bytes as Kafka writes a UUID: 22 base64url characters, the first not a dash (tools would take it for an option). */
export function uuid(): string {
  for (;;) {
    const id = randomBytes(16).toString("base64url");
    if (!id.startsWith("-")) return id;
  }
}
