// What training goes on from, beside the weights: optimizer, loss and metrics as compile() was given them, the optimizer's states, and how
// many steps there were. Stateful layers start from 0 again, since what they carry lies differently on each backend.

import {
  constant,
  cosineDecay,
  exponentialDecay,
  FormatError,
  InputError,
  piecewiseConstantDecay,
  warmup,
  type CompileOptions,
  type Optimizer,
  type Schedule,
  type Sequential,
} from "../../index.ts";
import type { JsonValue } from "../../formats/json.ts";
import type { TensorToWrite } from "../../formats/safetensors.ts";
import { ofFile } from "../parts.ts";
import { plain } from "./architecture.ts";

/** In the precision of the backend: float64 of the reference. */
export type StoredNumbers = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

const OPTIMIZER = "optimizer/";

/**
 * What a tensor of the backend's state is called in a file; null for what no file keeps. "w1" → "dense/kernel", "m_w1" →
 * "optimizer/dense/kernel/m".
 */
function nameInFile(key: string, parameters: readonly { readonly name: string; readonly symbol: string }[]): string | null {
  for (const { name, symbol } of parameters) {
    if (key === symbol) return name;
    if (key.endsWith(`_${symbol}`)) return `${OPTIMIZER}${name}/${key.slice(0, -symbol.length - 1)}`;
  }
  return null;
}

export const isOfOptimizer = (name: string): boolean => name.startsWith(OPTIMIZER) && name.split("/").length === 4;

/**
 * Weights and optimizer states of a compiled model, and the rest as JSON. @param where the call, without parentheses. @throws InputError if
 * it is not compiled, or is training
 */
export async function takeTraining(where: string, model: Sequential): Promise<{ tensors: TensorToWrite[]; training: string }> {
  const { compiled, life } = model.inside;
  // Compiled by predict() alone counts as not compiled.
  if (compiled) void model.learningRate;
  if (!compiled) throw new InputError(`${where}(): { optimizer: true } needs a compiled model. Call compile() first, or leave it out.`);
  return life.exclusively(where, () =>
    compiled.use(where, async () => {
      const snapshot = await compiled.session.takeSnapshot();
      if (!snapshot) throw new Error("nothing refuses a snapshot here");
      const {
          network: { parameters },
          declared: { optimizer, loss, metrics },
          assignedRate,
        } = compiled,
        { steps, epochs } = snapshot.progress;
      const tensors = [...snapshot.state].flatMap(([key, data]): TensorToWrite[] => {
        const name = nameInFile(key, parameters),
          of = parameters.find((parameter) => name === parameter.name || name?.startsWith(`${OPTIMIZER}${parameter.name}/`));
        return name === null || !of ? [] : [{ name, shape: of.shape, data }];
      });
      const bad = tensors.find(({ data }) => !data.every(Number.isFinite));
      if (bad)
        throw new InputError(
          `${where}(): ${bad.name} has numbers that are not finite, so nothing is written. Train again with a ` + `smaller learningRate.`,
        );
      return { tensors, training: JSON.stringify({ optimizer, loss, metrics, learningRate: assignedRate, steps, epochs }) };
    }),
  );
}

const SCHEDULES: { readonly [K in Schedule["kind"]]: (copy: Extract<Schedule, { kind: K }>) => Schedule } = {
  constant: ({ rate }) => constant(rate),
  piecewise: ({ boundaries, values }) => piecewiseConstantDecay({ boundaries, values }),
  exponential: ({ initial: initialLearningRate, decaySteps, decayRate, staircase }) =>
    exponentialDecay({ initialLearningRate, decaySteps, decayRate, staircase }),
  cosine: ({ initial: initialLearningRate, decaySteps, alpha }) => cosineDecay({ initialLearningRate, decaySteps, alpha }),
  warmup: ({ steps, from, then }) => warmup({ steps, from, then: revive(then) }),
};

/** A schedule from the plain value that is left of one in a file. */
function revive(copy: unknown): Schedule {
  const kind = typeof copy === "object" && copy !== null ? (copy as { kind?: unknown }).kind : undefined;
  if (typeof kind === "string" && Object.hasOwn(SCHEDULES, kind))
    return (SCHEDULES[kind as Schedule["kind"]] as (copy: unknown) => Schedule)(copy);
  throw new InputError(`a schedule must be of kind ${Object.keys(SCHEDULES).join(", ")}; got ${JSON.stringify(kind)}.`);
}

/** As it was in the file. */
export interface SavedTraining {
  readonly recipe: Pick<CompileOptions, "optimizer" | "loss" | "metrics">;
  readonly learningRate: Schedule | null;
  readonly steps: number;
  readonly epochs: number;
}

/** @throws FormatError if it is no description of training */
export function readTraining(where: string, value: JsonValue): SavedTraining {
  const found = plain(value) as Record<string, unknown> | null,
    { optimizer, loss, metrics, learningRate, steps, epochs } = found ?? {};
  const isObject = (given: unknown): given is object => typeof given === "object" && given !== null && !Array.isArray(given);
  const isCount = (given: unknown): given is number => Number.isSafeInteger(given) && (given as number) >= 0;
  if (!isObject(optimizer) || !isObject(loss) || !Array.isArray(metrics) || !isCount(steps) || !isCount(epochs)) {
    throw new FormatError(`${where}: training must hold optimizer, loss, metrics, steps and epochs. The file is damaged.`);
  }
  return ofFile(`${where}: training`, () => ({
    recipe: {
      optimizer: { ...optimizer, learningRate: revive((optimizer as Optimizer).learningRate) } as Optimizer,
      loss: loss as CompileOptions["loss"],
      metrics: metrics as string[],
    },
    learningRate: learningRate === null ? null : revive(learningRate),
    steps,
    epochs,
  }));
}

/**
 * Puts a compiled model where training was. @param tensors by their names in the file. @throws FormatError, before anything is changed, if
 * they do not fit
 */
export async function resumeTraining(
  where: string,
  model: Sequential,
  saved: SavedTraining,
  tensors: ReadonlyMap<string, StoredNumbers>,
): Promise<void> {
  const { compiled, life } = model.inside;
  if (!compiled) throw new Error("compiled right before");
  await life.exclusively("loadModel", () =>
    compiled.session.hold(async () => {
      const {
          network: { parameters },
          session,
        } = compiled,
        state = new Map<string, StoredNumbers>();
      for (const [key, { length }] of session.snapshot.state) {
        const name = nameInFile(key, parameters),
          numbers = tensors.get(name ?? "");
        if (name === null) continue;
        if (numbers?.length !== length || !numbers.every(Number.isFinite)) {
          throw new FormatError(
            `${where}: ${name} must hold ${length} finite numbers; got ${numbers ? "others" : "no such tensor"}. The ` +
              `file is not of one model.`,
          );
        }
        state.set(key, numbers);
      }
      compiled.restoreLearningRate(saved.learningRate);
      await session.adopt({ state, progress: { steps: saved.steps, epochs: saved.epochs, stateRows: 0 } });
    }),
  );
}
