import type { Broker } from "../api/broker.js";

export const noTopicId = "AAAAAAAAAAAAAAAAAAAAAA";

/** Topic ids and names, both ways; asks the broker for what it does not know. */
export class TopicNames {
  private readonly names = new Map<string, string>();

  constructor(private readonly broker: Broker) {}

  /** The names of these ids; an id that no topic has is left out. */
  async resolve(ids: Iterable<string>): Promise<ReadonlyMap<string, string>> {
    const wanted = [...new Set(ids)].filter((id) => id !== noTopicId && id !== "");
    if (wanted.some((id) => !this.names.has(id))) {
      // also forgets the ids of topics that were deleted or made anew
      this.names.clear();
      for (const { name, topicId } of await this.broker.describeTopics()) this.names.set(topicId, name);
    }
    return new Map(wanted.filter((id) => this.names.has(id)).map((id) => [id, this.names.get(id)!]));
  }
}
