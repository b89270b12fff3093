// softmax: a = e^(z−max) / Σ e^(z−max) over one row.   softmax_pullback: δ = a ⊙ (g − Σ g⊙a), its Jacobian applied to g.
// Statements for one row; each column is written through `store`.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import type { NumberAt, StoreAt } from "./kernel.wgsl.ts";

export const softmaxStatements = (cols: number, z: NumberAt, store: StoreAt): string => wgsl`
    var top = ${z("0u")};
    for (var col = 1u; col < ${cols}u; col++) { top = max(top, ${z("col")}); }
    var sum = 0.0;
    for (var col = 0u; col < ${cols}u; col++) { sum += exp(${z("col")} - top); }
    for (var col = 0u; col < ${cols}u; col++) { ${store("col", `exp(${z("col")} - top) / sum`)} }
`;

export const softmaxPullbackStatements = (cols: number, a: NumberAt, g: NumberAt, store: StoreAt): string => wgsl`
    var sum = 0.0;
    for (var col = 0u; col < ${cols}u; col++) { sum += ${g("col")} * ${a("col")}; }
    for (var col = 0u; col < ${cols}u; col++) { ${store("col", `${a("col")} * (${g("col")} - sum)`)} }
`;
