// What the network is given of a point (x, y) of the plane: the coordinates themselves, or simple functions of them.

export const FEATURE_NAMES = ["x", "y", "xx", "yy", "xy", "sinx", "siny"] as const;
export type FeatureName = (typeof FEATURE_NAMES)[number];

interface Feature {
  /** As it is written beside its neuron. */
  readonly symbol: string;
  readonly of: (x: number, y: number) => number;
}

export const FEATURES: Readonly<Record<FeatureName, Feature>> = {
  x: { symbol: "x", of: (x) => x },
  y: { symbol: "y", of: (_, y) => y },
  xx: { symbol: "x²", of: (x) => x * x },
  yy: { symbol: "y²", of: (_, y) => y * y },
  xy: { symbol: "xy", of: (x, y) => x * y },
  sinx: { symbol: "sin πx", of: (x) => Math.sin(Math.PI * x) },
  siny: { symbol: "sin πy", of: (_, y) => Math.sin(Math.PI * y) },
};

/** (points × features), row-major. @param points x and y of one point after the other */
export function featureRows(names: readonly FeatureName[], points: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const count = points.length / 2,
    rows = new Float32Array(count * names.length);
  for (let i = 0; i < count; i++) {
    names.forEach((name, j) => {
      rows[i * names.length + j] = FEATURES[name].of(points[2 * i], points[2 * i + 1]);
    });
  }
  return rows;
}

/** Points to each side of the large map, and of the maps of the neurons. */
export const MAP_SIDE = 64;
export const NEURON_SIDE = 24;

/** The centres of a grid over the plane [−1, 1]², the top row first, as a picture has it. */
export function gridPoints(side: number): Float32Array<ArrayBuffer> {
  const points = new Float32Array(2 * side * side);
  for (let row = 0; row < side; row++) {
    for (let col = 0; col < side; col++) points.set([(2 * col + 1) / side - 1, 1 - (2 * row + 1) / side], 2 * (row * side + col));
  }
  return points;
}
