// What is drawn on a canvas: heat maps of weights and of counts, grey images, histograms. Sharp on any screen, in both themes.

import { rgbColour, type Rgb } from "./theme.ts";

/** 0…1 along two or three colours. */
const mix = (a: Rgb, b: Rgb, share: number): Rgb => [0, 1, 2].map((i) => Math.round(a[i] + (b[i] - a[i]) * share)) as unknown as Rgb;

/** A colour for each number from −1 to 1: cold, nothing, warm. What is no number has a colour of its own. */
export function divergingColours(): (value: number) => Rgb {
  const cold = rgbColour("--cold"),
    nothing = rgbColour("--nothing"),
    warm = rgbColour("--warm"),
    broken = rgbColour("--broken");
  return (value) =>
    Number.isNaN(value) ? broken : value < 0 ? mix(nothing, cold, Math.min(1, -value)) : mix(nothing, warm, Math.min(1, value));
}

/** A colour for each number from 0 to 1. */
export function risingColours(to: string): (value: number) => Rgb {
  const nothing = rgbColour("--nothing"),
    full = rgbColour(to);
  return (value) => mix(nothing, full, Math.max(0, Math.min(1, value)));
}

/** A context whose unit is a CSS pixel, cleared; the canvas takes the size that style.css gives it. */
export function freshContext(
  canvas: HTMLCanvasElement,
  width = canvas.clientWidth,
  height = canvas.clientHeight,
): CanvasRenderingContext2D {
  const ratio = Math.min(3, devicePixelRatio || 1);
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d")!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** One pixel of the canvas a number, row by row; style.css scales it up without smoothing. */
export function drawPixels(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  width: number,
  height: number,
  colour: (value: number) => Rgb,
): void {
  [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue] = colour(values[i]);
    image.data.set([red, green, blue, 255], 4 * i);
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}

/** Counts of equal bins between two ends. */
export interface Histogram {
  readonly counts: ArrayLike<number>;
  readonly low: number;
  readonly high: number;
}

/** Bars from the ground up, the highest one full; a line at 0 where it lies within. */
export function drawHistogram(canvas: HTMLCanvasElement, { counts, low, high }: Histogram, colour: string, line: string): void {
  const width = canvas.clientWidth,
    height = canvas.clientHeight;
  const context = freshContext(canvas, width, height);
  let highest = 1;
  for (let i = 0; i < counts.length; i++) highest = Math.max(highest, counts[i]);
  const step = width / counts.length;
  context.fillStyle = colour;
  for (let i = 0; i < counts.length; i++) {
    // Few are shown, too: a bin that is not empty is at least a pixel high.
    const bar = counts[i] === 0 ? 0 : Math.max(1, ((height - 2) * counts[i]) / highest);
    context.fillRect(i * step, height - bar, Math.max(1, step - 1), bar);
  }
  if (!(low < 0 && high > 0)) return;
  context.fillStyle = line;
  context.fillRect((width * -low) / (high - low), 0, 1, height);
}
