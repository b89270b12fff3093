// The problems: points of the plane [−1, 1]² in two classes. The same seed gives the same points.

import type { OwnPoint, Problem } from "./config.ts";

/** Points with their classes. */
export interface Points {
  /** x and y of one point after the other. */
  readonly xy: Float32Array<ArrayBuffer>;
  /** 0 or 1. */
  readonly classes: Uint8Array<ArrayBuffer>;
}

export interface Split {
  readonly train: Points;
  readonly test: Points;
}

/** One of the points to learn from, to be taken apart. */
export interface Example {
  readonly index: number;
  readonly x: number;
  readonly y: number;
  readonly label: number;
}

const COUNT = 400;
/** How far from the border points stay, so that all of each is seen. */
const EDGE = 0.98;

type Random = () => number;

/** Uniform in [0, 1): xorshift32 with its state spread first, so that neighbouring seeds share nothing. */
function uniform(seed: number): Random {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ (seed >>> 15)) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
}

/** One number of the standard normal distribution (Box–Muller). */
const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** A point of each class in turn, without noise. */
const DRAW: Readonly<Record<Exclude<Problem, "own">, (random: Random, label: number, share: number) => [number, number]>> = {
  circle(random, label) {
    const radius = label === 1 ? 0.42 * Math.sqrt(random()) : 0.64 + 0.26 * random(),
      angle = 2 * Math.PI * random();
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  xor(random, label) {
    const side = random() < 0.5 ? -1 : 1,
      gap = 0.06;
    const [x, y] = [gap + (0.94 - gap) * random(), gap + (0.94 - gap) * random()];
    return [side * x, (label === 1 ? side : -side) * y];
  },
  gauss(random, label) {
    const centre = label === 1 ? 0.42 : -0.42;
    return [centre + 0.16 * normal(random), centre + 0.16 * normal(random)];
  },
  spiral(_, label, share) {
    const radius = 0.06 + 0.86 * share,
      angle = 1.75 * 2 * Math.PI * share + (label === 1 ? 0 : Math.PI);
    return [radius * Math.sin(angle), radius * Math.cos(angle)];
  },
};

const clamp = (value: number): number => Math.max(-EDGE, Math.min(EDGE, value));

/** @param noise standard deviation of what is added to both coordinates */
export function drawPoints(problem: Exclude<Problem, "own">, noise: number, seed: number): Points {
  const random = uniform(seed),
    xy = new Float32Array(2 * COUNT),
    classes = new Uint8Array(COUNT);
  for (let i = 0; i < COUNT; i++) {
    const label = i % 2,
      [x, y] = DRAW[problem](random, label, (i >> 1) / (COUNT / 2 - 1));
    xy.set([clamp(x + noise * normal(random)), clamp(y + noise * normal(random))], 2 * i);
    classes[i] = label;
  }
  return { xy, classes };
}

/** Some of each class to learn from, the others to test with, in a random order; at least one of each class on both sides. */
export function splitPoints({ xy, classes }: Points, share: number, seed: number): Split {
  const random = uniform(seed + 1),
    order = [...classes.keys()];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  const trained = new Set(
    [0, 1].flatMap((label) => {
      const rows = order.filter((row) => classes[row] === label);
      return rows.slice(0, Math.max(1, Math.min(rows.length - 1, Math.round(share * rows.length))));
    }),
  );
  const take = (wanted: boolean): Points => {
    const rows = order.filter((row) => trained.has(row) === wanted);
    return {
      xy: Float32Array.from(rows.flatMap((row) => [xy[2 * row], xy[2 * row + 1]])),
      classes: Uint8Array.from(rows, (row) => classes[row]),
    };
  };
  return { train: take(true), test: take(false) };
}

/** Points that the visitor placed. */
export const ownPoints = (points: readonly OwnPoint[]): Points => ({
  xy: Float32Array.from(points.flatMap(({ x, y }) => [x, y])),
  classes: Uint8Array.from(points, ({ label }) => label),
});

export const exampleAt = ({ xy, classes }: Points, index: number): Example => ({
  index,
  x: xy[2 * index],
  y: xy[2 * index + 1],
  label: classes[index],
});

/** The number of the point that is closest to a place. */
export function nearestTo({ xy, classes }: Points, x: number, y: number): number {
  const distance = (i: number) => (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
  return [...classes.keys()].reduce((found, i) => (distance(i) < distance(found) ? i : found), 0);
}

/** The number of the point whose answer is farthest from its class. */
export function hardestOf(points: Points, answerTo: (example: Example) => number): number {
  const errors = Array.from(points.classes, (label, i) => Math.abs(answerTo(exampleAt(points, i)) - label));
  return errors.indexOf(Math.max(...errors));
}
