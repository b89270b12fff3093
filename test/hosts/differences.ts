// How far the weights of the same training lie apart between hosts. Pure.

import type { HostName } from "./hosts.ts";

export interface Difference {
  /** The largest |a − b|, and the largest |a| beside it. */
  readonly absolute: number;
  readonly scale: number;
  /** The most float32 numbers that lie between two weights. */
  readonly ulps: number;
  /** The share of weights whose bits differ. */
  readonly share: number;
}

/** Neighbouring float32 numbers have neighbouring whole numbers, through 0. */
function ordinal(value: number): number {
  const bits = new Int32Array(Float32Array.of(value).buffer)[0];
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

/** @throws if they are not as many, or one is no finite number: nothing to compare */
export function differenceOf(a: readonly number[], b: readonly number[]): Difference {
  if (a.length !== b.length || a.length === 0) throw new Error(`weights to compare must be as many: got ${a.length} and ${b.length}`);
  let absolute = 0,
    scale = 0,
    ulps = 0,
    others = 0;
  for (let i = 0; i < a.length; i++) {
    if (!Number.isFinite(a[i]) || !Number.isFinite(b[i])) throw new Error(`weight ${i} must be finite in both: got ${a[i]} and ${b[i]}`);
    absolute = Math.max(absolute, Math.abs(a[i] - b[i]));
    scale = Math.max(scale, Math.abs(a[i]));
    ulps = Math.max(ulps, Math.abs(ordinal(a[i]) - ordinal(b[i])));
    if (!Object.is(a[i], b[i])) others++;
  }
  return { absolute, scale, ulps, share: others / a.length };
}

type Weights = Readonly<Record<string, readonly number[]>>;

/** One line a network and pair of hosts. */
export function differencesText(samples: readonly (readonly [HostName, Weights])[]): string {
  const lines: string[] = [];
  for (const network of Object.keys(samples[0]?.[1] ?? {})) {
    lines.push(network);
    samples.forEach(([left, a], i) =>
      samples.slice(i + 1).forEach(([right, b]) => {
        const { absolute, scale, ulps, share } = differenceOf(a[network], b[network]);
        lines.push(
          `  ${left} – ${right}: `.padEnd(24) +
            (share === 0
              ? `all ${a[network].length} weights have the same bits`
              : `at most ${absolute.toExponential(1)} (largest weight ${scale.toFixed(2)}), ${ulps.toLocaleString("en")} ULP; ` +
                `${Math.round(100 * share)} % of ${a[network].length} weights differ`),
        );
      }),
    );
  }
  return lines.join("\n");
}
