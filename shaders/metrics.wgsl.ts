// metric_rows: how well one row was answered, as statements that leave the number in `value`.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import type { MetricKind } from "../src/graph/types.ts";
import { formulaOf, literal } from "./kernel.wgsl.ts";
import { meanSquareStatements } from "./losses.wgsl.ts";

/** The first column that holds the largest number of the row. */
export const argmax = (name: string, cols: number, at: (col: string) => string): string => wgsl`
    var ${name} = 0u;
    for (var col = 1u; col < ${cols}u; col++) { ${name} = select(${name}, col, ${at("col")} > ${at(name)}); }
`;

/**
 * `a(col)` reads the answer, `y(col)` the target; of sparseAccuracy the class index, a u32. Of the kinds that a page loads at once; all are
 * in uncommon.wgsl.ts.
 */
export function metricRowStatements(metric: MetricKind, cols: number, a: (col: string) => string, y: (col: string) => string): string {
  switch (metric) {
    case "sparseAccuracy":
      return `${argmax("best", cols, a)}
    let value = select(0.0, 1.0, best == ${y("0u")});`;
    case "categoricalAccuracy":
      return `${argmax("best", cols, a)}${argmax("wanted", cols, y)}
    let value = select(0.0, 1.0, best == wanted);`;
    case "meanSquaredError":
      return meanSquareStatements(cols, a, y);
    default: {
      const term = formulaOf(
        {
          binaryAccuracy: "select(0.0, 1.0, (a > 0.5) == (y > 0.5))",
          binaryLogitAccuracy: "select(0.0, 1.0, (a > 0.0) == (y > 0.5))",
          meanAbsoluteError: "abs(a - y)",
        } satisfies Partial<Record<MetricKind, string>>,
        metric,
      );
      return wgsl`
    var value = 0.0;
    for (var col = 0u; col < ${cols}u; col++) {
      let a = ${a("col")};
      let y = ${y("col")};
      value += ${term};
    }
    value *= ${literal(1 / cols)};
`;
    }
  }
}
