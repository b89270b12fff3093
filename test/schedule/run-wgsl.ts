// Runs the WGSL that plans are written in as JavaScript, so that a test in Node can ask what a text computes. For the part of WGSL that the
// kernels use; whatever else stands in a text is a syntax error. u32 is BigInt (division of integers, no mixing with floats), f32 is
// computed in float64 and rounded where a Float32Array holds it. No u32 wraps around here, so dropout's generator cannot be run.
// The lanes of a workgroup take turns: each runs to its next barrier before the next lane runs at all. So a lane that reads behind a
// barrier that is missing reads an old number. All lanes must meet the same barriers.

import { compileFunction } from "node:vm";
import { tensorOf, sizeOf, type StepScalars } from "../../src/graph/types.ts";
import { memoryBytes } from "../../src/schedule/places.ts";
import type { Launch } from "../../src/schedule/launch.ts";
import type { Plan } from "../../src/schedule/plan.ts";

type Value = number | bigint | readonly number[];
type Lane = Generator<readonly [Value, bigint] | undefined, void, Value | undefined>;

const add = (a: Value, b: Value): Value => {
  if (typeof a === "object") return a.map((value, i) => value + (typeof b === "object" ? b[i] : Number(b)));
  if (typeof a === "bigint") return a + (b as bigint);
  return a + (b as number);
};
const fma = (a: Value, b: Value, c: Value): Value =>
  typeof c === "object"
    ? c.map((value, i) => (a as readonly number[])[i] * (b as readonly number[])[i] + value)
    : (a as number) * (b as number) + (c as number);
const vector =
  (width: number) =>
  (...values: readonly number[]): readonly number[] =>
    Array.from({ length: width }, (_, i) => (values.length === 1 ? values[0] : (values[i] ?? 0)));

/** The functions of WGSL. */
const BUILTINS: Readonly<Record<string, unknown>> = {
  ...{ add, fma, vec2f: vector(2), vec3f: vector(3), vec4f: vector(4) },
  ...{ exp: Math.exp, sqrt: Math.sqrt, abs: Math.abs, sign: Math.sign, log: Math.log, f32: Number },
  array: (...values: readonly number[]) => values,
  select: <T>(no: T, yes: T, condition: boolean): T => (condition ? yes : no),
  min: <T>(a: T, b: T): T => (a < b ? a : b),
  max: <T>(a: T, b: T): T => (a > b ? a : b),
  i32: (value: bigint) => value,
  u32: (value: bigint | number) => (typeof value === "bigint" ? value : BigInt(Math.trunc(value))),
};

const toJavaScript = (wgsl: string): string =>
  wgsl
    .replace(/\/\/.*$/gm, "")
    .replace(/^(enable|diagnostic).*$/gm, "")
    .replace(/struct (\w+) \{([^}]*)\}/g, (_, name: string, fields: string) => {
      const names = [...fields.matchAll(/(\w+):/g)].map(([, field]) => field).join(", ");
      return `function ${name}(${names}) { return { ${names} }; }`;
    })
    .replace(/@group\(0\) @binding\(\d+\) var<[^>]*> \w+: [^;]*;/g, "")
    .replace(/var<workgroup> [^;]*;/g, "")
    .replace(/var<private> (\w+): (\w+);/g, (_, name: string, type: string) => `var ${name} = ${type.startsWith("vec") ? `${type}()` : 0};`)
    .replace(/@compute @workgroup_size\(\d+\)/g, "")
    .replace(/@builtin\(\w+\) /g, "")
    .replace(/\bfn (\w+)\(([^)]*)\)(?: -> [\w<>]+)? \{/g, (_, name: string, parameters: string) => {
      const hasBarriers = /^(part\d+|main)$/.test(name);
      return `function${hasBarriers ? "*" : ""} ${name}(${parameters.replace(/: \w+/g, "")}) {`;
    })
    .replace(/(?<!\* )\b(part\d+)\(/g, "yield* $1(")
    .replace(/\b(let|var) (\w+): [^=;]+/g, "$1 $2 ")
    .replace(/\blet\b/g, "const")
    .replace(/\bvar\b/g, "let")
    .replace(/\b(0x[0-9a-f]+|\d+)u\b/g, "$1n")
    .replace(/\b([\d.]+(?:e[+-]?\d+)?)f\b/g, "$1")
    .replace(/array<f32, \d+>\(/g, "array(")
    .replace(/\b(id|count|sums|norm|parts)\.([xyz])\b/g, (_, name: string, part: string) => `${name}[${"xyz".indexOf(part)}]`)
    .replace(/([\w.]+(?:\[[^\];]*\])?) \+= ([^;{}]+);/g, "$1 = add($1, $2);")
    .replace(/\b(workgroup|storage)Barrier\(\);/g, "yield;")
    .replace(/quadBroadcast\((\w+), (\d+n)\)/g, "(yield [$1, $2])");

/** The arrays that the lanes of a workgroup share. Nothing is in them. */
const shared = (wgsl: string): Record<string, unknown[]> =>
  Object.fromEntries(
    [...wgsl.matchAll(/var<workgroup> (\w+): array<\w+, (\d+)>;/g)].map(([, name, length]) => [
      name,
      Array.from({ length: Number(length) }, () => NaN),
    ]),
  );

/**
 * Runs `fn main` of a text on all lanes of one workgroup.
 * @param names what the text reads and writes beside its own variables: buffers, `step`
 * @param parameters of main, for each lane
 * @throws Error where some lanes end while others wait at a barrier
 */
export function runWorkgroup(
  wgsl: string,
  names: Readonly<Record<string, unknown>>,
  lanes: number,
  parameters: (lane: bigint) => readonly unknown[] = (lane) => [lane],
): void {
  const all = { ...BUILTINS, ...names, ...shared(wgsl) };
  const start = compileFunction(`"use strict";\n${toJavaScript(wgsl)}\nreturn main;`, Object.keys(all)) as (
    ...names: readonly unknown[]
  ) => (...given: readonly unknown[]) => Lane;
  const running = Array.from({ length: lanes }, (_, lane) => {
    return start(...Object.values(all))(...parameters(BigInt(lane)));
  });
  let handed: readonly (Value | undefined)[] = running.map(() => undefined);
  for (;;) {
    const reached = running.map((lane, i) => lane.next(...([handed[i]] as [Value])));
    if (reached.every(({ done }) => done)) return;
    if (reached.some(({ done }) => done)) throw new Error("some lanes have ended while others wait at a barrier");
    const waiting = reached.map(({ value }) => value as readonly [Value, bigint] | undefined);
    // Of a broadcast: what another lane of the four has.
    handed = waiting.map((value, i) => value && waiting[(i & ~3) + Number(value[1])]?.[0]);
  }
}

/** Functions and statements on `lane`, as a whole text. @param partial numbers of the array that lanes share */
export const program = (functions: string, statements: string, partial = 1): string =>
  `var<workgroup> partial: array<f32, ${partial}>;\n${functions}\nfn main(lane: u32) {\n${statements}\n}\n`;

/** The step's numbers as kernels have them. */
export const stepOf = ({ rows, offset, step, learningRate, correctedRate, fresh = false }: StepScalars, slot = 0) => ({
  rows: BigInt(rows),
  offset: BigInt(offset),
  slot: BigInt(slot),
  step: BigInt(step),
  learning_rate: learningRate,
  corrected_rate: correctedRate,
  inverse_rows: 1 / rows,
  fresh: fresh ? 1n : 0n,
  step_high: 0n,
});

/** A step of `rows` examples. */
export const stepWith = (rows: number, more: Partial<StepScalars> = {}) =>
  stepOf({ rows, offset: 0, step: 0, learningRate: 0.1, correctedRate: 0.1, ...more });

const lanesOf = ({ source }: Launch): number => {
  const size = /@workgroup_size\((\d+)\)/.exec(source);
  if (!size) throw new Error(`${source} has no workgroup size`);
  return Number(size[1]);
};

const BEHIND: readonly bigint[] = Array.from({ length: 64 }, () => 0n);

/** The buffers of a plan in the memory of this process. Numbers that nobody has written are NaN. */
export class PlanMemory {
  readonly buffers: Record<string, Float32Array | readonly bigint[]> = {};

  constructor(
    readonly plan: Plan,
    values: ReadonlyMap<string, ArrayLike<number>>,
    slots = 1,
  ) {
    for (const [memory, bytes] of [...memoryBytes(plan.places), ...plan.scratch])
      this.buffers[memory] = new Float32Array(bytes / 4).fill(NaN);
    const results = [...plan.graph.tensors.values()].filter(({ role }) => role === "result");
    this.buffers.results = new Float32Array(slots * results.reduce((sum, tensor) => sum + sizeOf(tensor, plan.batch), 0)).fill(NaN);
    for (const { name, type } of plan.launches.flatMap(({ bindings }) => bindings)) {
      const given = values.get(name);
      // A read behind the end of a buffer gives some number of it, which for u32 must be one.
      if (given) this.buffers[name] = type === "u32" ? [...Array.from(given, BigInt), ...BEHIND] : Float32Array.from(given);
    }
    for (const [tensor, { memory, offset }] of plan.places) {
      const given = values.get(tensor);
      if (given) (this.buffers[memory] as Float32Array).set(Float32Array.from(given), offset);
    }
  }

  /** One step, launch by launch, workgroup by workgroup. */
  run(scalars: StepScalars, launches: readonly Launch[] = this.plan.launches): void {
    for (const launch of launches) {
      const [x, y] = launch.grid;
      for (let id = 0; id < x * y; id++) {
        runWorkgroup(launch.source, { ...this.buffers, step: stepOf(scalars) }, lanesOf(launch), (lane) => [
          [BigInt(id % x), BigInt(Math.floor(id / x))],
          [BigInt(x), BigInt(y)],
          lane,
        ]);
      }
    }
  }

  /** All steps in the one launch of a persistent plan. @param source in place of its own */
  runPersistent(steps: readonly StepScalars[], source = this.plan.launches[0].source): void {
    const table = { count: BigInt(steps.length), steps: steps.map((step, slot) => stepOf(step, slot)) };
    runWorkgroup(source, { ...this.buffers, table }, lanesOf(this.plan.launches[0]));
  }

  read(tensor: string): number[] {
    if (tensorOf(this.plan.graph, tensor).role === "result") return [...(this.buffers.results as Float32Array)];
    const { memory, offset, elements } = this.plan.places.get(tensor)!;
    return [...(this.buffers[memory] as Float32Array).slice(offset, offset + elements)];
  }
}
