/** Bytes kept over all builders of the process. */
const LIMIT = 8 * 1024 * 1024;
/** Less than this is cheap to allocate, and small batches would hold back what large ones need. */
const SMALLEST = 64 * 1024;
const free: ArrayBufferLike[] = [];
let kept = 0;

/**
 * Memory for a batch that has grown large: of batches that are written, where it is large enough. Half a megabyte that is allocated
 * for each batch costs more garbage collection than all the encoding.
 *
 * @param need bytes, at least
 * @param like bytes to allocate where nothing that is kept will do
 */
export function takeMemory(need: number, like: number): Buffer {
  for (let i = need > SMALLEST ? free.length - 1 : -1; i >= 0; i--) {
    const memory = free[i]!;
    if (memory.byteLength < need) continue;
    free[i] = free[free.length - 1]!;
    free.pop();
    kept -= memory.byteLength;
    return Buffer.from(memory);
  }
  return Buffer.allocUnsafeSlow(like);
}

/** Nobody uses the batch any more. One that was handed to another thread has left its memory there. */
export function giveMemory(batch: Buffer): void {
  const { buffer } = batch;
  if (buffer.byteLength <= SMALLEST || kept + buffer.byteLength > LIMIT) return;
  kept += buffer.byteLength;
  free.push(buffer);
}
