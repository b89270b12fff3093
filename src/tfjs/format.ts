// A tensor as text, laid out as TensorFlow.js prints it: columns aligned, seven decimals, the middle of long axes left out.

import { stridesOf, type NdArray } from "./nd-array.ts";

/** Axes longer than this show their first and last three entries. */
const LONGEST = 20;
const SHOWN = 3;

const numberText = (value: number, dtype: NdArray["dtype"]): string =>
  dtype === "bool" ? (value === 0 ? "false" : "true") : String(parseFloat(value.toFixed(7)));

/** Entries of an axis that are shown; null stands for those left out. */
function shownEntries(n: number): (number | null)[] {
  const all = Array.from({ length: n }, (_, i) => i);
  return n > LONGEST ? [...all.slice(0, SHOWN), null, ...all.slice(-SHOWN)] : all;
}

export function formatTensor({ data, shape, dtype }: NdArray, verbose = false): string {
  const strides = stridesOf(shape),
    last = shape.at(-1) ?? 1,
    widths = new Array<number>(last).fill(0);
  if (shape.length > 1)
    data.forEach((value, i) => {
      widths[i % last] = Math.max(widths[i % last], numberText(value, dtype).length);
    });
  const row = (at: number): string =>
    `[${shownEntries(last)
      .map((i) => (i === null ? "..." : numberText(data[at + i], dtype).padEnd(widths[i])))
      .join(", ")}]`;
  const block = (axis: number, at: number): string[] => {
    if (axis === shape.length - 1) return [row(at)];
    const gap = new Array<string>(shape.length - axis - 2).fill(""),
      entries = shownEntries(shape[axis]);
    const lines = entries.flatMap((i, k) => {
      const inner = i === null ? ["..."] : block(axis + 1, at + i * strides[axis]);
      inner[inner.length - 1] += k === entries.length - 1 ? "" : ",";
      return k === entries.length - 1 ? inner : [...inner, ...gap];
    });
    const indented = lines.map((line, k) => (line === "" ? line : (k === 0 ? "[" : " ") + line));
    indented[indented.length - 1] += "]";
    return indented;
  };
  const values = shape.length === 0 ? [numberText(data[0], dtype)] : block(0, 0);
  const head = verbose ? [`  dtype: ${dtype}`, `  rank: ${shape.length}`, `  shape: [${shape.join()}]`, "  values:"] : [];
  return ["Tensor", ...head, ...values.map((line) => (line === "" ? "" : `    ${line}`))].join("\n");
}
