// A data set made of another, array by array: a copy, some of its rows, or room for as many.

import type { DataArray, Dataset } from "./data.ts";

/** @param cols numbers that a row has in this array */
type ArrayMap = <A extends DataArray>(array: A, cols: number) => A;

/** @param rows of the result */
export function mapArrays({ rows: before, x, y, lengths, sampleWeights, ...rest }: Dataset, rows: number, map: ArrayMap): Dataset {
  const mapped = <A extends DataArray>(array: A): A => map(array, array.length / before);
  return {
    ...rest,
    rows,
    x: mapped(x),
    y: y && mapped(y),
    lengths: lengths && mapped(lengths),
    sampleWeights: sampleWeights && mapped(sampleWeights),
  };
}
