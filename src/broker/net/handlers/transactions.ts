import { addOffsetsToTxn, addPartitionsToTxn, endTxn, initProducerId, txnOffsetCommit } from "../../../protocol/messages/transactions.js";
import type { Txn } from "../../api/broker.js";
import { errorCodeOf } from "../error-codes.js";
import { type Handler, handler } from "../handler.js";
import { commitsOf, uniform } from "./offsets.js";

const txnOf = ({ transactionalId, producerId, producerEpoch }: Txn): Txn => ({ transactionalId, producerId, producerEpoch });

/** The code of what the call throws, 0 where it does not. */
const outcome = (call: Promise<unknown>): Promise<number> => call.then(() => 0, errorCodeOf);

export const transactionHandlers: readonly Handler[] = [
  handler(initProducerId, async ({ transactionalId, transactionTimeoutMs, producerId, producerEpoch }, { broker }) => {
    try {
      return await broker.initProducerId({
        ...(transactionalId === null ? {} : { transactionalId, transactionTimeoutMs }),
        ...(producerId < 0 ? {} : { producerId, producerEpoch }),
      });
    } catch (error) {
      return { errorCode: errorCodeOf(error) };
    }
  }),

  handler(addPartitionsToTxn, async (request, { broker }) => {
    const partitions = request.topics.flatMap(({ name, partitions }) => partitions.map((partition) => ({ topic: name, partition })));
    const partitionErrorCode = await outcome(broker.addPartitionsToTxn(txnOf(request), partitions));
    return {
      resultsByTopic: request.topics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode })),
      })),
    };
  }),

  handler(addOffsetsToTxn, async (request, { broker }) => ({
    errorCode: await outcome(broker.addOffsetsToTxn(txnOf(request), request.groupId)),
  })),

  handler(endTxn, async (request, { broker }) => ({ errorCode: await outcome(broker.endTxn(txnOf(request), request.committed)) })),

  handler(txnOffsetCommit, async (request, { broker }) => {
    const { groupId, generationId, memberId, groupInstanceId } = request;
    const member =
      generationId < 0 && memberId === ""
        ? undefined
        : { memberId, generationId, ...(groupInstanceId === null ? {} : { groupInstanceId }) };
    const code = await outcome(broker.txnOffsetCommit(txnOf(request), groupId, commitsOf(request.topics), member));
    return { topics: uniform(request.topics, code) };
  }),
];
