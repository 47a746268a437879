export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Kafka's way to write it: `orders-0`. */
export function formatTopicPartition(tp: TopicPartition): string {
  return `${tp.topic}-${tp.partition}`;
}
