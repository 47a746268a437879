import { produce } from "../../../protocol/messages/produce.js";
import { batchSize, RECORD_BATCH_OVERHEAD } from "../../../protocol/record-batch.js";
import { errorCodeOf, errorMessageOf, wireErrors } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";

/** Thrown where a producer that waits for no answer must learn of an error: the connection is closed. */
export class UnansweredFailure extends Error {}

interface Answer {
  readonly index: number;
  errorCode: number;
  errorMessage: string | null;
  baseOffset: number;
  logAppendTimeMs: number;
  logStartOffset: number;
}

const magicAt = 16;

/** Exactly one batch of format 2, as producers of this version send. The log checks its content. */
function refused(records: Buffer | null): { code: number; message: string } | undefined {
  if (records === null || records.length === 0) return { code: wireErrors.INVALID_RECORD, message: "the partition has no records" };
  if (records.length > magicAt && records[magicAt]! < 2)
    return { code: wireErrors.UNSUPPORTED_FOR_MESSAGE_FORMAT, message: `records of format ${records[magicAt]} are not taken any more` };
  if (records.length < RECORD_BATCH_OVERHEAD || batchSize(records) !== records.length)
    return { code: wireErrors.INVALID_RECORD, message: "a partition of a produce request holds exactly one record batch" };
  return undefined;
}

export const produceHandlers: readonly Handler[] = [
  handler(produce, async (request, { broker }) => {
    const { acks, transactionalId } = request;
    const batches: { topic: string; partition: number; batch: Buffer }[] = [];
    const sent: Answer[] = [];
    const responses = request.topics.map(({ name, partitions }) => ({
      name,
      partitionResponses: partitions.map(({ index, records }) => {
        const bad =
          acks === -1 || acks === 0 || acks === 1
            ? refused(records)
            : { code: wireErrors.INVALID_REQUIRED_ACKS, message: `acks is ${acks}: it is -1, 0 or 1` };
        const answer: Answer = {
          index,
          errorCode: bad?.code ?? 0,
          errorMessage: bad?.message ?? null,
          baseOffset: -1,
          logAppendTimeMs: -1,
          logStartOffset: -1,
        };
        if (!bad) {
          batches.push({ topic: name, partition: index, batch: records! });
          sent.push(answer);
        }
        return answer;
      }),
    }));
    if (batches.length > 0) {
      const results = await broker.produce({
        ...(transactionalId === null ? {} : { transactionalId }),
        acks: acks === -1 ? "all" : acks === 1 ? "leader" : "none",
        batches,
      });
      for (let i = 0; i < results.length; i++) {
        const { error, baseOffset, logAppendTime, logStartOffset } = results[i]!;
        const answer = sent[i]!;
        answer.errorCode = errorCodeOf(error);
        answer.errorMessage = errorMessageOf(error);
        if (error) continue;
        answer.baseOffset = baseOffset;
        answer.logAppendTimeMs = logAppendTime;
        answer.logStartOffset = logStartOffset;
      }
    }
    if (acks !== 0) return { responses };
    const failed = responses.flatMap((t) => t.partitionResponses).find((p) => p.errorCode !== 0);
    if (failed) throw new UnansweredFailure(failed.errorMessage ?? `error ${failed.errorCode}`);
    return null;
  }),
];
