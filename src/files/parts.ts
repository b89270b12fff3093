// A model taken apart for a file, layer by layer with its weights, and put together again. A further type of layer is a row of WEIGHTS.

import { FormatError, InputError, sequential, type Layer, type Sequential } from "../index.ts";

/** A weight without its layer's name. */
export interface ModelWeight {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** A layer with its weights in the order of WEIGHTS. */
export interface ModelPart {
  readonly layer: Layer;
  /** Prefix of its weights' names; null where it has none. */
  readonly name: string | null;
  readonly weights: readonly ModelWeight[];
}

/** A whole model. */
export interface Parts {
  readonly layers: readonly ModelPart[];
  readonly seed: number;
  /** [features], [steps, features], or [steps] with a vocabulary. */
  readonly inputShape: readonly number[];
}

const withBias =
  (names: readonly string[]) =>
  ({ useBias }: { readonly useBias: boolean }): readonly string[] =>
    useBias ? [...names, "bias"] : names;

const normalization =
  (more: readonly string[]) =>
  ({ scale, center }: { readonly scale: boolean; readonly center: boolean }): readonly string[] => [
    ...(scale ? ["gamma"] : []),
    ...(center ? ["beta"] : []),
    ...more,
  ];

/** Last parts of the names of each layer's weights, in the order of getWeights(), which is that of Keras. */
const WEIGHTS: { readonly [T in Layer["type"]]: (layer: Extract<Layer, { type: T }>) => readonly string[] } = {
  dense: withBias(["kernel"]),
  simpleRNN: withBias(["kernel", "recurrent_kernel"]),
  lstm: withBias(["kernel", "recurrent_kernel"]),
  gru: ({ useBias }) => ["kernel", "recurrent_kernel", ...(useBias ? ["bias", "recurrent_bias"] : [])],
  batchNormalization: normalization(["moving_mean", "moving_variance"]),
  layerNormalization: normalization([]),
  dropout: () => [],
  activation: () => [],
};

export const weightNames = (layer: Layer): readonly string[] => (WEIGHTS[layer.type] as (layer: Layer) => readonly string[])(layer);

/** @throws InputError if it is no model of deltaprop */
export function checkModel(where: string, model: unknown): Sequential {
  if (typeof model === "object" && model !== null && "inside" in model && "getWeights" in model) return model as Sequential;
  throw new InputError(`${where}: the model must be what sequential() gave; got ${model === null ? "null" : typeof model}.`);
}

/** @throws InputError if the model is no whole network, or has weights that are no finite numbers */
export async function takeApart(where: string, model: Sequential): Promise<Parts> {
  const {
      stack: { layers, seed },
    } = checkModel(where, model).inside,
    weights = await model.getWeights();
  const bad = weights.find(({ data }) => !data.every(Number.isFinite));
  if (bad)
    throw new InputError(
      `${where}: ${bad.name} has numbers that are not finite, so nothing is written. Train again with a ` + `smaller learningRate.`,
    );
  let at = 0;
  const parts = layers.map((layer): ModelPart => {
    const own = weights.slice(at, (at += weightNames(layer).length));
    return {
      layer,
      name: own.length === 0 ? null : own[0].name.replace(/\/[^/]*$/, ""),
      weights: own.map(({ shape, data }) => ({ shape, data })),
    };
  });
  return { layers: parts, seed, inputShape: layers[0].inputShape! };
}

/** No model has more, and a file must not make this one build them. */
export const MAX_LAYERS = 1000;

/** What a function for a user throws, thrown of a file. */
export function ofFile<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof InputError) throw new FormatError(`${where}: ${error.message}`, { cause: error });
    throw error;
  }
}

const shown = (shape: readonly number[]): string => `(${shape.join(", ")})`;

/** The model of the layers. @throws FormatError if they are no network */
export function assemble(where: string, layers: readonly Layer[], seed: number): Sequential {
  if (layers.length > MAX_LAYERS) throw new FormatError(`${where}: a model must have at most ${MAX_LAYERS} layers; got ${layers.length}.`);
  return ofFile(where, () => {
    const model = sequential({ layers, seed });
    model.inside.stack.declared("sequential");
    return model;
  });
}

/**
 * Gives the model its weights, in the order of getWeights().
 * @throws FormatError if they do not fit its layers, or are no finite numbers
 */
export async function fill(where: string, model: Sequential, weights: readonly (ModelWeight | undefined)[]): Promise<Sequential> {
  const { parameters } = model.inside.stack.declared("sequential");
  for (const [i, { name, shape }] of parameters.entries()) {
    const given = weights[i];
    if (given?.shape.join() === shape.join() && given.data.every(Number.isFinite)) continue;
    throw new FormatError(
      `${where}: ${name} must hold finite numbers of shape ${shown(shape)}; got ` +
        `${given === undefined ? "no such tensor" : given.shape.join() === shape.join() ? "others" : `shape ${shown(given.shape)}`}. The ` +
        `file is not of one model.`,
    );
  }
  if (weights.length !== parameters.length)
    throw new FormatError(`${where}: the file holds ${weights.length - parameters.length} ` + `weights that no layer has.`);
  // Names in the file are its own.
  await model.setWeights((weights as readonly ModelWeight[]).map(({ shape, data }) => ({ shape, data })));
  return model;
}
