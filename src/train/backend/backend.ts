// What a backend does for the training loop. Three exist: WebGPU, WebAssembly, and the float64 reference on the CPU.

import type { ResultHandler, StopSignal } from "../../gpu/queue.ts";
import type { StepExecutor } from "../../gpu/step-executor.ts";
import type { StepScalars } from "../../graph/types.ts";
import type { Places } from "../../schedule/places.ts";
import type { Plan, PlanOptions } from "../../schedule/plan.ts";
import type { Precision } from "../../schedule/precision.ts";
import type { Adapter } from "../../schedule/tiles.ts";
import type { Choices } from "../../schedule/tuning.ts";
import type { Floats } from "../../typed-arrays.ts";
import type { DataArray, Dataset } from "../data/data.ts";

export type { Floats, ResultHandler, StopSignal };

/** Weights, optimizer states and what stateful layers carry in training, by name, in the precision of the backend. */
export type State = ReadonlyMap<string, Floats | Float64Array<ArrayBuffer>>;

/** Why a device is gone, as WebGPU says it: "destroyed" or "unknown", and words. */
export interface DeviceLoss {
  readonly reason: string;
  readonly message: string;
}

/** A data set where the backend can reach it. */
export interface DeviceData {
  readonly dataset: Dataset;
  /** Which rows the coming steps take, as StepScalars.offset counts them; written from place `at` on. */
  setOrder(order: Uint32Array<ArrayBuffer>, at: number): void;
  /** Brings the first rows to the backend once more, after the arrays of `dataset` were written to. */
  refresh(rows: number): void;
  dispose(): void;
}

/** The rows of a data set in their own order. */
export const ownOrder = (rows: number): Uint32Array<ArrayBuffer> => Uint32Array.from({ length: rows }, (_, i) => i);

/** A row's place in an order. */
export const ORDER_BYTES = 4;

/** Buffers are sized in whole words. */
export const wholeWords = (bytes: number): number => Math.ceil(bytes / 4) * 4;

/** Whether an array of the data, or one order of its rows, is more than one buffer of the backend holds. */
export function mustStream({ dataBytes }: Pick<Backend, "dataBytes">, { rows, x, y }: Dataset): boolean {
  return Math.max(wholeWords(x.byteLength), y?.byteLength ?? 0, rows * ORDER_BYTES) > dataBytes;
}

/** The arrays of a data set as the graph names them. */
export const dataArrays = ({ x, y, lengths, sampleWeights }: Dataset): (readonly [name: string, numbers: DataArray])[] =>
  Object.entries({ data_x: x, data_y: y, data_lengths: lengths, data_sample_weights: sampleWeights }).filter(
    (entry): entry is [string, DataArray] => entry[1] != null,
  );

/** A plan made ready to run on one data set. */
export interface Runner {
  /** Numbers that each step leaves. */
  readonly resultElements: number;
  /** What runs the steps on a GPU. */
  readonly executor?: StepExecutor;
  /**
   * Runs steps in order and returns how many ran; an abort takes effect at a step boundary.
   * @param onSubmitted called, by runners that can tell, when no step is to be submitted any more but some may be under way
   */
  run(steps: readonly StepScalars[], onResults: ResultHandler, signal?: StopSignal, onSubmitted?: () => void): Promise<number>;
  dispose(): void;
}

/** What computes: a GPU through WebGPU, WebAssembly in float32 on the CPU, or the float64 reference on the CPU. */
export type BackendKind = "webgpu" | "wasm" | "cpu";

/** Runs single steps stage by stage, to be compared with the reference. */
export interface Tracer {
  /** What each stage of the plan left in memory, by tensor. Intermediates are filled with NaN first. */
  trace(step: StepScalars): Promise<ReadonlyMap<string, Floats>[]>;
  dispose(): void;
}

export interface Backend {
  readonly kind: BackendKind;
  /** What of it is logged: compile()'s option. */
  debug?: 0 | 1 | 2 | 3;
  /** For people. */
  readonly adapter: string;
  /** Storage buffers that one launch may bind. */
  readonly maxBuffers: number;
  /** Bytes that one buffer may hold. */
  readonly maxBytes: number;
  /** Where weights, optimizer states and sums lie since their first write(); undefined where they lie nowhere in particular. */
  readonly places?: Places;
  /** What plans are made for; a GPU's if undefined. */
  readonly planAdapter?: Adapter;
  /** How plans store intermediates; "f32" if undefined. */
  readonly precision?: Precision;
  /** Plans steps for an engine that runs no WGSL; left out where WGSL is run, or nothing that was planned. */
  readonly program?: PlanOptions["program"];
  /** Workgroup memory for tiny networks that stay on the device from step to step; 0 where there is none. */
  readonly persistentBytes: number;
  /**
   * Chooses by measuring how the products of a plan are cut: those that `known` lacks are added to it. Left out where there
   * is nothing to choose. @throws GpuError if memory runs out or the device is lost
   */
  tune?(planWith: (choices: Choices) => Plan, known: Choices): Promise<Choices>;
  /** What one array of a data set may take here; a larger one comes in slices. */
  readonly dataBytes: number;
  /** The device is gone, and all that was on it. */
  readonly isLost: boolean;
  /** The same, after so long at the most: an error may be ahead of the news. @returns in the host's words, null if it is there */
  loss(milliseconds: number): Promise<DeviceLoss | null>;
  /** All that decides how training goes on, as it is after the steps submitted so far. */
  snapshot(): Promise<State>;
  /**
   * Weights, optimizer states and the like by their names in the graph; sums, which no snapshot holds, get a place when they
   * are first written. The call itself writes; the promise says how it went.
   */
  write(values: State): Promise<void>;
  read(names: readonly string[]): Promise<Map<string, Floats>>;
  /**
   * @param orders how many orders of all rows the data must have room for; 0 if nothing runs on it
   * @param shared what holds x, or x and y, of this data set already, and outlives the result
   */
  upload(dataset: Dataset, orders: number, shared?: DeviceData): Promise<DeviceData>;
  /** Starts what of prepare() needs no data, which may be slow; what is wrong with the plan is told by prepare(). */
  compile(plan: Plan): void;
  /** @param data null for a plan that reads none */
  prepare(plan: Plan, data: DeviceData | null): Promise<Runner>;
  /** Of what stateful layers carry in training with this plan, as snapshot() names it: how many numbers each holds. */
  carriedSizes(plan: Plan): ReadonlyMap<string, number>;
  /** What runs single steps of the plan, to be looked at launch by launch. Null where there is nothing to compare with. */
  forTrace: ((plan: Plan, data: DeviceData) => Promise<Tracer>) | null;
  dispose(): void;
}
