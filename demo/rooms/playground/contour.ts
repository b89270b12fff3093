// Where the network's answer passes a level: marching squares over the grid of its answers.

/** Line segments x₁ y₁ x₂ y₂ in the plane [−1, 1]². @param values side² numbers, the top row first */
export function contour(values: ArrayLike<number>, side: number, level: number): number[] {
  const segments: number[] = [];
  const x = (col: number): number => (2 * col + 1) / side - 1;
  /** Where the level lies on the way between two grid points, as a share of it. */
  const share = (a: number, b: number): number => (level - a) / (b - a);
  for (let row = 0; row < side - 1; row++) {
    for (let col = 0; col < side - 1; col++) {
      const at = row * side + col,
        [a, b, c, d] = [values[at], values[at + 1], values[at + side + 1], values[at + side]];
      const points: number[] = [];
      const cross = (from: number, to: number, place: (t: number) => [number, number]) => {
        if (from < level !== to < level) points.push(...place(share(from, to)));
      };
      cross(a, b, (t) => [x(col + t), -x(row)]);
      cross(b, c, (t) => [x(col + 1), -x(row + t)]);
      cross(d, c, (t) => [x(col + t), -x(row + 1)]);
      cross(a, d, (t) => [x(col), -x(row + t)]);
      // A saddle has four crossings: two lines, in the order in which they were found.
      segments.push(...points);
    }
  }
  return segments;
}
