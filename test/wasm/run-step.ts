// One step of a graph alone on the WebAssembly engine: what test/gpu/support.ts does with a kernel.

import { sizeOf, type Graph, type Op, type StepScalars } from "../../src/graph/types.ts";
import { takesLabels } from "../../src/model/losses.ts";
import { WasmEngine } from "../../src/wasm/engine.ts";
import { Program } from "../../src/wasm/program.ts";

export interface Given {
  readonly graph: Graph;
  readonly batch: number;
  readonly scalars: StepScalars;
  readonly values: Readonly<Record<string, ArrayLike<number>>>;
}

/** A program whose module has other bytes than it should. */
export type Sabotage = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

const isStoredWhole = (values: ArrayLike<number>): values is Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> =>
  values instanceof Uint8Array || values instanceof Uint32Array;

/** Class and vocabulary indices are whole numbers in its memory, as they come from the data; kernels have them as floats. */
const wholeInputs = (op: Op): readonly string[] => {
  const isLabels =
    op.type === "lossRows" || op.type === "lossGradient"
      ? takesLabels(op.loss)
      : op.type === "metricRows" && op.metric.startsWith("sparse");
  return isLabels ? [op.inputs[1]] : op.type === "embeddingLookup" || op.type === "embeddingGradient" ? [op.inputs[0]] : [];
};

/** What a graph of one step needs beside its tensors. */
const withResult = (graph: Graph): Graph => ({
  ...graph,
  tensors: new Map([...graph.tensors, ["no results", { name: "no results", role: "result" as const, rows: 1, cols: 1 }]]),
});

/** @returns the outputs of the step, for all rows of the batch: NaN where nothing was written */
export async function runOnWasm(
  { graph, batch, scalars, values }: Given,
  sabotage: Sabotage = (bytes) => bytes,
): Promise<Float32Array<ArrayBuffer>[]> {
  const engine = new WasmEngine(null),
    program = new Program(withResult(graph), batch, false),
    { outputs } = graph.ops[0];
  const write = program.write.bind(program),
    data: Record<string, number> = {};
  program.write = (...given) => sabotage(write(...given));
  for (const { name, role } of graph.tensors.values()) {
    if (role !== "data" && name !== "order") continue;
    const numbers = isStoredWhole(values[name]) ? values[name] : Float32Array.from(values[name]);
    data[name] = engine.memory.take(numbers.byteLength + 64, name);
    new Uint8Array(engine.memory.buffer, data[name], numbers.byteLength).set(
      new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength),
    );
  }
  const whole = wholeInputs(graph.ops[0]),
    prepared = await engine.prepare(program, data);
  for (const tensor of graph.tensors.values()) {
    if (tensor.role !== "state" || tensor.name === "order") continue;
    const all = new Float32Array(sizeOf(tensor, batch)).fill(NaN),
      given = values[tensor.name];
    if (given !== undefined)
      all.set(whole.includes(tensor.name) ? new Float32Array(Uint32Array.from(given).buffer) : Float32Array.from(given));
    engine.store.write(tensor.name, all);
  }
  prepared.run([scalars], 0, 1);
  return outputs.map((name) => {
    const found = engine.store.read(name);
    if (!program.isWhole(name)) return found;
    return Float32Array.from(new Uint32Array(found.buffer), (word) => (word === 0x7fc00000 ? NaN : word));
  });
}
