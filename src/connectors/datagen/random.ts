/**
 * A stream of random numbers that depends on its seeds alone: splitmix32 over a mixed state, so that the values of the n-th
 * record are known without those before it.
 */
export class Random {
  private state: number;

  constructor(...seeds: readonly number[]) {
    let h = 0x9e37_79b9;
    for (const seed of seeds) {
      h = mix(h ^ mix(seed | 0));
      h = mix(h ^ mix(Math.floor(seed / 0x1_0000_0000) | 0) ^ 0x85eb_ca6b);
    }
    this.state = h;
  }

  /** 32 bits, from 0 */
  private bits(): number {
    this.state = (this.state + 0x9e37_79b9) | 0;
    return mix(this.state) >>> 0;
  }

  /** from 0, below 1 */
  unit(): number {
    return (this.bits() * 0x20_0000 + (this.bits() >>> 11)) / 0x20_0000_0000_0000;
  }

  /** from `min`, below `max`; whole numbers */
  whole(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min));
  }

  /** The same for numbers of 64 bits. */
  long(min: bigint, max: bigint): number | bigint {
    const span = max - min;
    const bits = (BigInt(this.bits()) << 64n) | (BigInt(this.bits()) << 32n) | BigInt(this.bits());
    const n = min + (bits % span);
    return Number.isSafeInteger(Number(n)) ? Number(n) : n;
  }

  of<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length)]!;
  }
}

function mix(n: number): number {
  let h = n | 0;
  h = Math.imul(h ^ (h >>> 16), 0x21f0_aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a_2d97);
  return h ^ (h >>> 15);
}
