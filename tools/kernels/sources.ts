// Where each equation stands in the source: what puts it into the graph, what writes its WGSL, what evaluates it in float64.

import type { Equation } from "../../src/graph/equations.ts";

/** A file, and what of it to look for. */
export interface Source {
  readonly file: string;
  readonly name: string;
}

/** One equation in its three forms. */
export interface Sources {
  readonly formula: string;
  readonly graph: Source;
  readonly wgsl: readonly Source[];
  readonly reference: Source;
}

const source = (file: string, name: string): Source => ({ file, name });
const graph = (file: "backward" | "build", name: string): Source => source(`src/graph/${file}.ts`, name);
const wgsl = (file: string, name: string): Source => source(`shaders/${file}.wgsl.ts`, name);
const reference = (file: string, name: string): Source => source(`src/reference/${file}.ts`, name);

/** A test holds that each file has what is named. */
export const SOURCES: Readonly<Record<Equation, Sources>> = {
  data: {
    formula: "x, y: rows of the data set",
    graph: graph("build", "gather"),
    wgsl: [wgsl("gather", "gatheredNumber")],
    reference: reference("evaluate", "gather"),
  },
  z: {
    formula: "z = a_prev·W + b",
    graph: graph("build", "forward"),
    wgsl: [wgsl("product", "productStatements")],
    reference: reference("products", "multiply"),
  },
  a: {
    formula: "a = σ(z)",
    graph: graph("build", "forward"),
    wgsl: [wgsl("activations", "activationFunction"), wgsl("softmax", "softmaxStatements")],
    reference: reference("activations", "activate"),
  },
  loss: {
    formula: "C",
    graph: graph("build", "costOf"),
    wgsl: [wgsl("losses", "lossRowStatements")],
    reference: reference("losses", "lossRows"),
  },
  BP1: {
    formula: "δᴸ = ∇ₐC ⊙ σ′(zᴸ)",
    graph: graph("build", "lossGradient"),
    wgsl: [
      wgsl("losses", "lossGradientFunction"),
      wgsl("activations", "activationDerivativeFunction"),
      wgsl("hadamard", "hadamardFunction"),
    ],
    reference: reference("losses", "lossGradient"),
  },
  BP2: {
    formula: "δˡ = (δˡ⁺¹·(Wˡ⁺¹)ᵀ) ⊙ σ′(zˡ)",
    graph: graph("backward", "pullBack"),
    wgsl: [wgsl("product", "productStatements"), wgsl("activations", "activationDerivativeFunction"), wgsl("hadamard", "hadamardFunction")],
    reference: reference("products", "multiply"),
  },
  BP3: {
    formula: "∂C/∂b = Σ_rows δ",
    graph: graph("backward", "weightGradients"),
    wgsl: [wgsl("rows", "rowSumStatements")],
    reference: reference("evaluate", "rowSum"),
  },
  BP4: {
    formula: "∂C/∂W = a_prevᵀ·δ",
    graph: graph("backward", "weightGradients"),
    wgsl: [wgsl("product", "productStatements")],
    reference: reference("products", "multiply"),
  },
  update: {
    formula: "W, b ← optimizer",
    graph: graph("backward", "update"),
    wgsl: [wgsl("update", "updateFunction")],
    reference: reference("optimizers", "applyUpdate"),
  },
};

const show = ({ file, name }: Source): string => `${name} in ${file}`;

/** A block of lines for each equation. */
export const sourceMap = (equations: readonly Equation[]): string[] =>
  equations.flatMap((equation) => {
    const { formula, graph: inGraph, wgsl: inShaders, reference: inReference } = SOURCES[equation];
    return [
      `${equation.padEnd(6)}  ${formula}`,
      `        graph      ${show(inGraph)}`,
      ...inShaders.map((one, i) => `        ${i === 0 ? "WGSL" : "    "}       ${show(one)}`),
      `        reference  ${show(inReference)}`,
    ];
  });
