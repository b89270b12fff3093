// The plan of one step: its launches in order, and where every tensor lies. Pure: the same graph, batch and options give
// the same plan. It prints itself.

import { NORMS } from "../../shaders/norm-memory.ts";
import { UnsupportedError } from "../errors.ts";
import { sizeOf, type Graph, type Op } from "../graph/types.ts";
import { COMMON_FORMULAS } from "./formulas.ts";
import { groupSteps } from "./groups.ts";
import type { Launch, PlannedStage } from "./launch.ts";
import { assignSlots, lifetimesOf, type Lifetime, type Slot } from "./lifetimes.ts";
import { normsOf, type PlanFormulas } from "./norm-writer.ts";
import { CARRIED, carriedPlaces, memoryBytes, ownWeights, packScratch, tooLarge, type Places } from "./places.ts";
import { halfTensors, NUMBER_BYTES, type Precision } from "./precision.ts";
import type { Persistent, writePersistent } from "./persistent.ts";
import type { SequenceWriter } from "./sequence-writer.ts";
import { stagesOf, type Stage } from "./stages.ts";
import { DEFAULT_ADAPTER, type Adapter } from "./tiles.ts";
import type { Choices, ProductSite } from "./tuning.ts";
import { viewsOf, wholeNumbersOf } from "./views.ts";
import { writeLaunch, type LaunchContext } from "./write-launch.ts";

export interface PlanOptions {
  /** Rows of a full mini-batch. */
  readonly batch: number;
  /** Let several ops share a launch (default true). */
  readonly fuse?: boolean;
  /** Let tensors that never live together share memory (default true). */
  readonly reuse?: boolean;
  /** Where weights and optimizer states lie; else one after the other in one buffer. */
  readonly weights?: Places;
  /** Bytes that one buffer may hold; no limit if left out. */
  readonly maxBytes?: number;
  /** Storage buffers that one launch may bind; 8 (default) is what every WebGPU device allows. */
  readonly maxBuffers?: number;
  /** What it will run on: decides how work is cut. A GPU with WebGPU's default limits if left out. */
  readonly adapter?: Adapter;
  /** How products are cut, by ProductSite.key, where that was measured; as tiles.ts models it for all others. */
  readonly choices?: Choices;
  /** "f16": what the forward pass leaves in memory takes two bytes a number (precision.ts), if not persistent; default "f32". */
  readonly precision?: Precision;
  /** Workgroup memory of the device for training steps of tiny networks in one dispatch; 0 (default) for none of these. */
  readonly persistentBytes?: number;
  /** Writes these; without it there are none. An option, so that whoever has no tiny network need not load it. */
  readonly writePersistent?: typeof writePersistent;
  /** Plans the step for an engine that runs no WGSL, which is then not written. */
  readonly program?: (graph: Graph, batch: number, fuse: boolean) => StepProgram;
  /** What kernels are written from; COMMON_FORMULAS by default. */
  readonly formulas?: PlanFormulas;
  /** Writes the ops of sequences: SEQUENCES of sequences.ts, for graphs that have any. */
  readonly sequences?: SequenceWriter;
}

/** A step as an engine without WGSL runs it: wasm/program.ts. */
export interface StepProgram {
  readonly planned: readonly PlannedStage[];
  readonly lifetimes: readonly Lifetime[];
  readonly slots: readonly Slot[];
  /** All that it needs in memory besides weights and data. */
  readonly memory: { readonly bytes: number };
}

/** Device memory of a plan in bytes. The data set is not part of it. */
export interface PlanBytes {
  readonly parameters: number;
  readonly optimizer: number;
  /** Every intermediate tensor of the graph with a buffer of its own: what a step-by-step library holds. */
  readonly allIntermediates: number;
  /** The intermediates that fusion leaves in memory, each with a buffer of its own. */
  readonly withoutReuse: number;
  /** The same, sharing memory where their lifetimes allow: what is allocated, in workgroup memory if persistent. */
  readonly withReuse: number;
}

/** One launch, or several where it would bind more than the device allows: networks that fill many buffers. */
function launchesOf(context: LaunchContext, stage: Stage, maxBuffers: number): Launch[] {
  const launch = writeLaunch(context, stage);
  if (launch.bindings.length <= maxBuffers) return [launch];
  if (stage.length > 1) return stage.flatMap((part) => launchesOf(context, [part], maxBuffers));
  throw new UnsupportedError(
    `plan: ${launch.label} needs ${launch.bindings.length} buffers but this device binds ${maxBuffers} ` +
      "in a launch. Use fewer units or a smaller batchSize.",
  );
}

const kilobytes = (bytes: number): string =>
  bytes < 1e4 ? `${bytes} B` : bytes < 1e7 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** The launches of a step, and its memory. As a string, a table of both. */
export class Plan {
  readonly batch: number;
  /** None where a program takes their place. */
  readonly launches: readonly Launch[];
  readonly program: StepProgram | null;
  /** Intermediates in memory and when they live, by launch number. */
  readonly lifetimes: readonly Lifetime[];
  readonly slots: readonly Slot[];
  readonly bytes: PlanBytes;
  /** What the one launch of a persistent plan keeps on the device between its steps; null for any other plan. */
  readonly persistent: Persistent | null;

  /** Where weights, states and intermediates lie. */
  readonly places: Places;
  /** Bytes of each buffer of intermediates, by its name. */
  readonly scratch: ReadonlyMap<string, number>;
  /** Bytes of the states that stateful layers carry, which outlive the step; 0 without any. */
  readonly carriedBytes: number;

  /** @throws OutOfMemoryError if a buffer would be larger than `maxBytes`, UnsupportedError if WebGPU's other limits are in the way */
  constructor(
    readonly graph: Graph,
    options: PlanOptions,
  ) {
    const {
      batch,
      fuse = true,
      reuse = true,
      maxBytes = Infinity,
      maxBuffers = 8,
      persistentBytes = 0,
      adapter = DEFAULT_ADAPTER,
    } = options;
    const choices = options.choices ?? new Map<string, never>(),
      { precision = "f32", formulas = COMMON_FORMULAS } = options;
    const weights = options.weights ?? ownWeights(graph, batch);
    this.batch = batch;
    const carried = carriedPlaces(graph, batch);
    this.carriedBytes = memoryBytes(carried).get(CARRIED) ?? 0;
    this.program = options.program?.(graph, batch, fuse) ?? null;
    this.persistent =
      persistentBytes > 0
        ? (options.writePersistent?.(graph, batch, weights, adapter, persistentBytes, formulas, options.sequences) ?? null)
        : null;
    const halves = precision === "f16" && !this.persistent ? halfTensors(graph) : new Set<string>();
    if (this.program) {
      this.launches = [];
      this.lifetimes = this.program.lifetimes;
      this.slots = this.program.slots;
      this.places = new Map([...weights, ...carried]);
      this.scratch = new Map([["intermediates", this.program.memory.bytes]]);
    } else if (this.persistent) {
      this.launches = [this.persistent.launch];
      this.lifetimes = this.persistent.lifetimes;
      this.slots = this.persistent.slots;
      this.places = this.persistent.places;
      this.scratch = this.persistent.scratch;
    } else {
      const views = fuse ? viewsOf(graph) : wholeNumbersOf(graph),
        norms = fuse ? normsOf(graph, formulas) : null;
      // Views and clip factors belong to those who read them.
      const elsewhere = fuse ? new Map<string, Op>([...views, ...(norms?.factors ?? [])]) : new Map<string, never>();
      const groups = groupSteps(graph, fuse, elsewhere),
        stages = stagesOf(graph, groups, fuse, elsewhere);
      this.lifetimes = lifetimesOf(
        graph,
        batch,
        groups,
        stages.map((stage) => stage.flatMap((part) => part.groups)),
        elsewhere,
        halves,
      );
      const slotsOf = (lifetimes: readonly Lifetime[]): Slot[] =>
        reuse ? assignSlots(lifetimes) : lifetimes.map(({ tensor, bytes }) => ({ bytes, tensors: [tensor] }));
      // A slot holds numbers of one type, since a buffer does.
      const full = slotsOf(this.lifetimes.filter(({ tensor }) => !halves.has(tensor)));
      const half = slotsOf(this.lifetimes.filter(({ tensor }) => halves.has(tensor)));
      this.slots = [...full, ...half];
      const scratch = new Map([...packScratch(full, maxBytes), ...packScratch(half, maxBytes, "f16")]);
      this.places = new Map([...weights, ...scratch, ...carried]);
      const context = {
        graph,
        batch,
        groups,
        places: this.places,
        views,
        elsewhere,
        norms,
        adapter,
        choices,
        formulas,
        sequences: options.sequences,
      };
      this.launches = stages.flatMap((stage) => launchesOf(context, stage, maxBuffers));
      this.scratch = new Map([...memoryBytes(scratch), ...(norms ? [[NORMS, norms.elements * NUMBER_BYTES.f32] as const] : [])]);
    }
    const total = (role: string) =>
      [...graph.tensors.values()]
        .filter((t) => t.role === role)
        .reduce((sum, t) => sum + sizeOf(t, batch) * NUMBER_BYTES[halves.has(t.name) ? "f16" : "f32"], 0);
    this.bytes = {
      parameters: total("parameter"),
      optimizer: total("state"),
      allIntermediates: total("intermediate"),
      withoutReuse: this.lifetimes.reduce((sum, { bytes }) => sum + bytes, 0),
      withReuse: this.slots.reduce((sum, { bytes }) => sum + bytes, 0),
    };
    for (const [memory, bytes] of [...this.scratch, [CARRIED, this.carriedBytes], ["results", total("result")]] as const) {
      if (bytes > maxBytes) throw tooLarge(memory, bytes, maxBytes, "Use a smaller batchSize.");
    }
  }

  /** Kernel launches (GPU dispatches) of one step; 0 if all the steps of a submit share one, or there are none. */
  get launchesPerStep(): number {
    return this.persistent ? 0 : this.launches.length;
  }

  /** What the step does between two barriers, in order. */
  get stages(): readonly PlannedStage[] {
    return this.program?.planned ?? this.launches;
  }

  /** Products whose cut may be chosen by measuring, each with the number of its launch. */
  get products(): { readonly launch: number; readonly site: ProductSite }[] {
    return this.launches.flatMap(({ products = [] }, launch) => products.map((site) => ({ launch, site })));
  }

  /** A table of the launches and the memory, for people. */
  toString(): string {
    const rows = this.stages.map(({ kernel, label, flops }, i) => [
      String(i + 1),
      kernel,
      ...this.launches.slice(i, i + 1).map(({ grid }) => `${grid[0]}×${grid[1]}`),
      flops > 0 ? `${(flops / 1e6).toFixed(2)} MFLOP` : "",
      label,
    ]);
    const header = ["#", "kernel", ...(this.program ? [] : ["workgroups"]), "products", "computes"];
    const widths = header.map((title, c) => Math.max(title.length, ...rows.map((row) => row[c].length)));
    const line = (cells: readonly string[]) =>
      cells
        .map((cell, c) => cell.padEnd(widths[c]))
        .join("  ")
        .trimEnd();
    const { parameters, optimizer, withReuse, withoutReuse, allIntermediates } = this.bytes;
    const count = this.program
      ? `${this.stages.length} stages, any number of steps in one call`
      : this.persistent
        ? "one launch for all steps of a submit"
        : `${this.launches.length} launches`;
    const halves = [...this.places.values()].some(({ type }) => type === "f16");
    const where = this.persistent?.where ?? "";
    return [
      `${this.graph.purpose} step, batch ${this.batch}${halves ? ", activations f16" : ""}: ${count}`,
      line(header),
      ...rows.map(line),
      `memory: weights ${kilobytes(parameters)}, optimizer ${kilobytes(optimizer)}, intermediates ` +
        `${kilobytes(withReuse)}${where} (${kilobytes(withoutReuse)} without sharing, ${kilobytes(allIntermediates)} unfused)`,
    ].join("\n");
  }

  /** The launches and the tensors that pass between them, in Graphviz' language. */
  toDot(): string {
    const lines = this.stages.flatMap(({ kernel, label, touches }, i) => {
      const node = `launch${i}`;
      return [
        `${node} [shape=box, label="${i + 1} ${kernel}\\n${label}"];`,
        ...touches.map(({ tensor, access }) => (access === "read" ? `"${tensor}" -> ${node};` : `${node} -> "${tensor}";`)),
      ];
    });
    return `digraph plan {\n  ${lines.join("\n  ")}\n}`;
  }
}
