// Random numbers by Philox4x32-10: a counter-based generator, so that any number can be asked for by its address
// (seed, stream, index) and the same bits come out here and in WGSL (shaders/philox.wgsl.ts).
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
/** The constants of the generator, for engines that write it in code of their own. */
export const PHILOX = { multiplier0: MULTIPLIER_0, multiplier1: MULTIPLIER_1, weyl0: WEYL_0, weyl1: WEYL_1 } as const;
const ROUNDS = 10;

export type Quad = readonly [number, number, number, number];

/** What a stream of numbers is for: the last word of the counter, so that streams never overlap. */
export const STREAM = { initialization: 1, shuffle: 2, dropout: 3, data: 4, sampling: 5 } as const;

/** The high 32 bits of a 64-bit product of two unsigned 32-bit numbers, by 16-bit halves (as WGSL must do it). */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff,
    aHigh = a >>> 16,
    bLow = b & 0xffff,
    bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const middle2 = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (middle2 >>> 16);
}

/** Four random 32-bit words from a 128-bit counter and a 64-bit key. */
export function philox4x32(counter: Quad, key: readonly [number, number]): Quad {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  // Signed in between, and without arrays: a page draws its initial weights before this is compiled well.
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0),
      low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2),
      low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** The Philox key of a seed: its low 32 and its high 21 bits. */
export function keyOf(seed: number): readonly [number, number] {
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

/** A sequence of numbers from one stream of a seed. `a` and `b` separate what would otherwise coincide (layer, epoch, …). */
export class RandomSequence {
  #block = 0;
  #words: Quad = [0, 0, 0, 0];
  #used = 4;
  readonly #key: readonly [number, number];

  constructor(
    seed: number,
    readonly stream: number,
    readonly a = 0,
    readonly b = 0,
  ) {
    this.#key = keyOf(seed);
  }

  /** The next 32 random bits. */
  word(): number {
    if (this.#used === 4) {
      this.#words = philox4x32([this.#block++, this.a, this.b, this.stream], this.#key);
      this.#used = 0;
    }
    return this.#words[this.#used++];
  }

  /** Uniform in (0, 1): never 0, so that its logarithm is finite. */
  uniform(): number {
    return (this.word() + 0.5) / 2 ** 32;
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A whole number in [0, n), every one equally likely (the words that would favour the first ones are drawn again). */
  below(n: number): number {
    const limit = 2 ** 32 - (2 ** 32 % n);
    for (;;) {
      const word = this.word();
      if (word < limit) return word % n;
    }
  }

  /** The whole numbers 0 … n−1 in random order (Fisher and Yates). */
  permutation(n: number): Uint32Array<ArrayBuffer> {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}

/** The low 32 bits of a count below 2^53, and the 21 above them. */
export const halvesOf = (count: number): readonly [low: number, high: number] => [count >>> 0, Math.floor(count / 2 ** 32)];

/** Where the high half of a step's number stands in the last word of a dropout counter: above the stream. */
export const STEP_HIGH_SHIFT = 8;

/** Of 2^32 equally likely words, those below this are dropped: `rate` of them, to within 2^-32. */
export function dropoutThreshold(rate: number): number {
  return Math.min(2 ** 32 - 1, Math.round(rate * 2 ** 32));
}
