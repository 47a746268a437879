// Bursts of pipelined requests over several connections, a probe between them that everything still works.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetch } from "../../dist/protocol/messages/fetch.js";
import { deleteGroups, listGroups } from "../../dist/protocol/messages/groups.js";
import { metadata } from "../../dist/protocol/messages/metadata.js";
import { produce } from "../../dist/protocol/messages/produce.js";
import { createTopics, deleteTopics } from "../../dist/protocol/messages/topics.js";
import { initProducerId } from "../../dist/protocol/messages/transactions.js";
import { WireReader } from "../../dist/protocol/wire/wire-reader.js";
import { WireWriter } from "../../dist/protocol/wire/wire-writer.js";
import { generator } from "../crash/random.mjs";
import { framed, next, request, source } from "./kafka-requests.mjs";
import { encodeRecordBatch } from "./records.mjs";

const lanes = 32;
const topics = ["one", "two", "three"];
/** Requests after which what the fuzzer has made (topics, groups) is removed and memory is looked at. */
const part = 50_000;
/** Bytes that live after garbage collection may grow by after the first part: the log's 4 MB of recent batches fill up, code is compiled. */
const growth = 8 * 1024 * 1024;

/** One connection that asks and waits for the answer: it must always get one. */
class Probe {
  constructor(port) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("error", () => {});
    this.rest = Buffer.alloc(0);
    this.socket.on("data", (chunk) => {
      this.rest = Buffer.concat([this.rest, chunk]);
      if (this.rest.length >= 4 && this.rest.length >= 4 + this.rest.readInt32BE(0)) {
        const answer = this.rest.subarray(4, 4 + this.rest.readInt32BE(0));
        this.rest = this.rest.subarray(4 + answer.length);
        this.wake(answer);
      }
    });
  }
  async ask(api, version, message) {
    const to = new WireWriter();
    api.request(version).write(to, message);
    this.socket.write(framed(request(api, version, 1, Buffer.concat(to.parts()))));
    let timer;
    const answer = await Promise.race([
      new Promise((resolve) => (this.wake = resolve)),
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${api.name} is not answered within 20 s`)), 20_000);
      }),
      once(this.socket, "close").then(() => Promise.reject(new Error(`the connection was closed on a good ${api.name}`))),
    ]).finally(() => clearTimeout(timer));
    const from = new WireReader(answer, 4);
    if (version >= api.flexibleSince) from.uvarint();
    return api.response(version).read(from);
  }
  close() {
    this.socket.destroy();
  }
}

/** ms that a burst is waited for: some of its requests wait for records or for members of their group. */
const patience = 200;

/** Sends bytes in pieces and counts answers until all are there, the connection is closed or patience ends. */
function burst(socket, bytes, wanted, random) {
  return new Promise((resolve) => {
    let answers = 0;
    // bytes of an answer's length and body that are still to come
    let left = 0;
    let length = 0;
    let digits = 0;
    const done = (open) => {
      clearTimeout(timer);
      socket.off("data", data).off("close", closed);
      resolve({ answers, open });
    };
    const timer = setTimeout(done, patience, false);
    const data = (chunk) => {
      for (let at = 0; at < chunk.length; ) {
        if (left > 0) {
          const n = Math.min(left, chunk.length - at);
          left -= n;
          at += n;
          if (left === 0) answers++;
        } else {
          length = length * 256 + chunk[at++];
          if (++digits === 4) {
            left = length;
            length = digits = 0;
          }
        }
      }
      if (answers >= wanted) done(true);
    };
    const closed = () => done(false);
    socket.on("data", data).on("close", closed);
    const cut = Math.floor(random() * bytes.length);
    socket.write(bytes.subarray(0, cut));
    socket.write(bytes.subarray(cut));
  });
}

/** @returns {Promise<{ requests: number, connections: number, answers: number, lines: number, seconds: number, memory: object[], failures: string[] }>} */
export async function fuzzKafka({ requests, seed, from = 0, say = () => {} }) {
  const dir = mkdtempSync(join(tmpdir(), "millrace-fuzz-"));
  const server = fork(fileURLToPath(new URL("./kafka-server.mjs", import.meta.url)), [dir], {
    execArgv: ["--expose-gc", "--max-old-space-size=512"],
  });
  const failures = [];
  let exited = false;
  let lines = 0;
  server.on("exit", (code, signal) => {
    exited = true;
    failures.push(`the server ended with ${code ?? signal}`);
  });
  const said = (what) =>
    new Promise((resolve) => {
      const listen = (message) => {
        if (what in message) {
          server.off("message", listen);
          resolve(message);
        }
      };
      server.on("message", listen);
    });
  server.on("message", (message) => {
    if (message.error && failures.length < 10) failures.push(`${message.error} (about burst ${at})`);
  });
  let at = from;
  const { port } = await said("port");
  const world = {
    topics,
    groups: ["g1", "g2", "tx1"],
    topicIds: [],
    producerId: 1,
    subscription: Buffer.from("000100000001000374776fffffffff00000000", "hex"),
  };
  const memory = [];

  /** Everything that mutated requests have made is taken away and the world made anew. */
  async function tidy() {
    const probe = new Probe(port);
    try {
      const all = await probe.ask(metadata, 12, { topics: null });
      const names = all.topics.map((t) => t.name).filter((n) => !n.startsWith("__"));
      await probe.ask(deleteTopics, 5, { topicNames: names, timeoutMs: 1000 });
      const groups = await probe.ask(listGroups, 4, {});
      await probe.ask(deleteGroups, 1, { groupsNames: groups.groups.map((g) => g.groupId) });
      const made = await probe.ask(createTopics, 7, {
        topics: topics.map((name) => ({ name, numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] })),
        timeoutMs: 1000,
        validateOnly: false,
      });
      world.topicIds = made.topics.map((t) => t.topicId);
      world.producerId = (await probe.ask(initProducerId, 4, { transactionalId: "tx1", transactionTimeoutMs: 60_000 })).producerId;
    } finally {
      probe.close();
    }
    server.send("memory");
    const state = await said("memory");
    lines = state.lines;
    const { rss, heapUsed, external } = state.memory;
    memory.push({ resident: rss, live: heapUsed + external });
  }

  /** Ordinary work goes on as ever. */
  async function probe() {
    const p = new Probe(port);
    try {
      const name = `probe-${at}`;
      const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
      await p.ask(createTopics, 7, { topics: [topic], timeoutMs: 1000, validateOnly: false });
      const batch = encodeRecordBatch({ random: () => 0.5, producerId: -1, epoch: -1, sequence: -1, attributes: 0, records: 2 });
      const written = await p.ask(produce, 9, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 1000,
        topics: [{ name, partitions: [{ index: 0, records: batch }] }],
      });
      const code = written.responses[0].partitionResponses[0].errorCode;
      if (code !== 0) throw new Error(`a good record is refused with ${code}`);
      const wanted = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 };
      const read = await p.ask(fetch, 12, {
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1000,
        topics: [{ topic: name, partitions: [wanted] }],
        forgottenTopicsData: [],
        rackId: "",
      });
      if (read.responses[0].partitions[0].records.length !== batch.length) throw new Error("a record that was written is not read");
      await p.ask(deleteTopics, 5, { topicNames: [name], timeoutMs: 1000 });
    } finally {
      p.close();
    }
  }

  const begun = performance.now();
  let sent = 0;
  let connections = 0;
  let answers = 0;
  try {
    await tidy();
    while (sent < requests && !exited && failures.length === 0) {
      const until = Math.min(requests, sent + part);
      await Promise.all(
        Array.from({ length: lanes }, async () => {
          let socket;
          while (sent < until && !exited && failures.length === 0) {
            // a burst is a function of the seed and its number alone
            const mine = generator(seed * 1_000_003 + at++);
            const made = source(mine, world);
            if (!socket || socket.destroyed) {
              socket = connect(port, "127.0.0.1");
              socket.on("error", () => {});
              connections++;
            }
            // a request that is mutated closes the connection most times: what comes behind it is not read
            const mutated = mine() < 0.5;
            const count = 1 + Math.floor(mine() * (mutated ? 6 : 60));
            const bytes = Buffer.concat(Array.from({ length: count }, (_, i) => next(mine, made, i, mutated)));
            sent += count;
            const outcome = await burst(socket, bytes, count, mine);
            answers += outcome.answers;
            // some stay: what came before decides what a request does
            if (!outcome.open || mine() < 0.7) socket.destroy();
          }
          socket?.destroy();
        }),
      );
      await probe();
      await tidy();
      const { resident, live } = memory.at(-1);
      say(`${sent} requests: ${(live / 1e6).toFixed(1)} MB live after garbage collection, ${Math.round(resident / 1e6)} MB resident`);
    }
  } catch (error) {
    failures.push(`${error.message} (about burst ${at})`);
  } finally {
    server.removeAllListeners("exit");
    if (!exited) {
      server.disconnect();
      await once(server, "exit");
    }
    rmSync(dir, { recursive: true, force: true });
  }
  // after the first part everything is compiled and every buffer is there
  const [early, late] = [memory[1]?.live, memory.at(-1).live];
  if (late > early + growth)
    failures.push(`memory grows: ${Math.round(early / 1e6)} MB live after the first part, ${Math.round(late / 1e6)} MB at the end`);
  return { requests: sent, connections, answers, lines, seconds: (performance.now() - begun) / 1000, memory, failures };
}
