import type { Socket } from "node:net";
import { ByteQueue } from "./byte-queue.js";
import { ReadingSocket } from "./reading-socket.js";

/** two batches: what is not read waits in the kernel. Blocks beyond those that the queue keeps would be garbage. */
const queueBytes = 2 << 20;
/** bytes; servers send in pieces of about 8 kB, unless the kernel has gathered more */
const smallRead = 32 << 10;

/**
 * What a socket reads, queued from now on and bounded in bytes: while the queue is full the socket is paused, which makes the server wait.
 * @param gather Under load a short read costs more than what is in it: where it says so, the kernel gathers for a millisecond before the next.
 */
export function socketQueue(socket: Socket, gather: () => boolean): ByteQueue {
  socket.removeAllListeners("data");
  let paused = false;
  const queue = new ByteQueue(queueBytes, () => {
    if (paused) {
      paused = false;
      socket.resume();
    }
  });
  const resume = () => {
    if (!paused) socket.resume();
  };
  const took = (length: number) => {
    if (queue.full) {
      if (!paused) socket.pause();
      paused = true;
      // What a TLS socket has decrypted already comes a record at a time: a pause after each would let a slow trickle fall behind for seconds.
    } else if (length < smallRead && socket.readableLength === 0 && gather()) {
      socket.pause();
      setTimeout(resume, 1);
    }
  };
  if (socket instanceof ReadingSocket)
    socket.onBytes((bytes) => {
      queue.copy(bytes);
      took(bytes.length);
    });
  else
    socket.on("data", (chunk: Buffer) => {
      queue.push(chunk);
      took(chunk.length);
    });
  return queue;
}
