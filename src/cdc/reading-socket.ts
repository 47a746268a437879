import { Socket } from "node:net";

const readBytes = 64 * 1024;

/**
 * A socket that reads into one buffer over and over, where Node's own would allocate one a read: at a hundred megabytes a second
 * those cost more than decoding them. Until `onBytes` is called it emits `data` as any socket does, for a client library's handshake.
 * Not under TLS, which reads for itself.
 */
export class ReadingSocket extends Socket {
  private readonly taker: { take: ((bytes: Buffer) => void) | null };

  constructor() {
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const taker: ReadingSocket["taker"] = { take: null };
    const callback = (length: number): boolean => {
      const bytes = buffer.subarray(0, length);
      if (taker.take) taker.take(bytes);
      else this?.emit("data", Buffer.from(bytes));
      return true;
    };
    super({ onread: { buffer, callback } } as unknown as ConstructorParameters<typeof Socket>[0]);
    this.taker = taker;
  }

  /** From now on bytes go here; they are valid until the call returns. */
  onBytes(take: (bytes: Buffer) => void): void {
    this.taker.take = take;
  }
}
