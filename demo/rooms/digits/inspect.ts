// Looking at a network from outside, by what the library gives: weights, answers, and gradients by one step of plain descent.

import { dataset, sgd, type Sequential, type Weight } from "../../../src/index.ts";
import type { Place } from "../../lib/places.ts";
import type { DigitsConfig } from "./config.ts";
import type { Digits, DigitSets } from "./data.ts";
import { buildModel, recipeOf, targetsFor } from "./model.ts";

const BINS = 41;
const MOST_IMAGES = 64;
const WORST = 12;

export interface TensorHistogram {
  readonly name: string;
  readonly counts: number[];
  /** The largest finite |number|: bins lie between −limit and limit. */
  readonly limit: number;
  /** Numbers that are not finite: NaN or infinite. */
  readonly broken: number;
}

export function histogramOf(name: string, data: ArrayLike<number>): TensorHistogram {
  let limit = 0,
    broken = 0;
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) limit = Math.max(limit, Math.abs(data[i]));
    else broken++;
  }
  const counts = Array<number>(BINS).fill(0),
    scale = limit === 0 ? 0 : BINS / (2 * limit);
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) counts[Math.min(BINS - 1, Math.floor((data[i] + limit) * scale))]++;
  }
  return { name, counts, limit, broken };
}

export interface WeightImages {
  readonly side: number;
  readonly units: number;
  /** Of all units of the layer, these first ones are here: (shown, pixels). */
  readonly shown: number;
  readonly values: Float32Array;
  readonly limit: number;
}

/**
 * What each neuron of the first layer looks for: its column of the kernel (pixels, units) as an image.
 * @param from what is taken off: with the kernel that training began with, what was learned is left
 */
export function weightImages([kernel]: readonly Weight[], from: Weight | null, side: number): WeightImages {
  const [pixels, units] = kernel.shape,
    shown = Math.min(units, MOST_IMAGES),
    values = new Float32Array(shown * pixels);
  for (let unit = 0; unit < shown; unit++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      const at = pixel * units + unit;
      values[unit * pixels + pixel] = kernel.data[at] - (from?.data[at] ?? 0);
    }
  }
  // A few strong weights do not leave all others pale.
  const sizes = Float32Array.from(values, Math.abs).sort();
  return { side, units, shown, values, limit: sizes[Math.floor(sizes.length * 0.995)] || 1 };
}

export interface Mistake {
  readonly image: Uint8Array;
  readonly label: number;
  readonly answer: number;
  /** What the network gives its answer, and the right one. */
  readonly sure: number;
  readonly right: number;
}

export interface Examination {
  readonly rows: number;
  readonly correct: number;
  /** Rows that got no number for an answer. */
  readonly broken: number;
  readonly classes: number;
  /** counts[label * classes + answer] */
  readonly counts: number[];
  /** Worst first: those where the right answer got the least. */
  readonly worst: readonly Mistake[];
}

/** @param answers (rows, classes) */
export function examine(answers: ArrayLike<number>, { images, labels, rows }: Digits, classes: number): Examination {
  const counts = Array<number>(classes * classes).fill(0),
    features = images.length / rows;
  const wrong: { row: number; answer: number; sure: number; right: number }[] = [];
  let correct = 0,
    broken = 0;
  for (let row = 0; row < rows; row++) {
    let answer = 0;
    for (let c = 1; c < classes; c++) if (answers[row * classes + c] > answers[row * classes + answer]) answer = c;
    const sure = answers[row * classes + answer],
      right = answers[row * classes + labels[row]];
    if (!Number.isFinite(sure)) {
      broken++;
      continue;
    }
    counts[labels[row] * classes + answer]++;
    if (answer === labels[row]) correct++;
    else wrong.push({ row, answer, sure, right });
  }
  wrong.sort((a, b) => a.right - b.right || b.sure - a.sure || a.row - b.row);
  const worst = wrong.slice(0, WORST).map(({ row, answer, sure, right }) => ({
    image: images.slice(row * features, (row + 1) * features),
    label: labels[row],
    answer,
    sure,
    right,
  }));
  return { rows, correct, broken, classes, counts, worst };
}

/**
 * η of the step by which gradients are read: w′ = w − η·g, so that g = (w − w′)/η. It is a power of two, which costs no rounding,
 * and so large that what rounding takes from w′ is little beside η·g.
 */
const PROBE_RATE = 2 ** 16;

/** A second network that takes on the weights of the first and makes one step with them. */
export class GradientProbe {
  readonly #model: Sequential;
  readonly #batch;
  #compiled: Promise<void> | null = null;

  constructor(
    readonly config: DigitsConfig,
    { train, features, classes }: DigitSets,
    readonly place: Place,
  ) {
    this.#model = buildModel(config, features, classes);
    const rows = Math.min(config.batch, train.rows);
    this.#batch = dataset(train.images.subarray(0, rows * features), targetsFor(config.loss, train.labels.subarray(0, rows), classes), {
      scale: 1 / 255,
    });
  }

  /** ∂C/∂W and ∂C/∂b of the first mini-batch at these weights, tensor by tensor; null where they are not finite to begin with. */
  async gradients(weights: readonly Weight[]): Promise<Weight[] | null> {
    if (!weights.every(({ data }) => data.every(Number.isFinite))) return null;
    await (this.#compiled ??= this.#model.compile({ ...recipeOf(this.config), ...this.place.options, optimizer: sgd(PROBE_RATE) }));
    await this.#model.setWeights(weights);
    // What is no number is to be counted, not to be thrown.
    await this.#model.fit(this.#batch, { steps: 1, batchSize: this.config.batch, shuffle: false, onNaN: "ignore" });
    const after = await this.#model.getWeights();
    return after.map(({ data, ...tensor }, i) => ({ ...tensor, data: data.map((w, at) => (weights[i].data[at] - w) / PROBE_RATE) }));
  }

  dispose(): void {
    this.#batch.dispose();
    this.#model.dispose();
  }
}
