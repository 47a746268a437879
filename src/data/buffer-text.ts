/** Buffer's methods behind `toString` and `write`: the same without looking up the encoding each time. */
declare global {
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    utf8Slice(start: number, end: number): string;
    latin1Slice(start?: number, end?: number): string;
    /** Returns the bytes written. */
    utf8Write(text: string, position: number): number;
    latin1Write(text: string, position: number): number;
  }
}

export type BufferText = Buffer;
