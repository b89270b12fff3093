// One layer of a model with its weights: getLayer(), as in Keras.

import { InputError } from "../errors.ts";
import { show } from "../model/checks.ts";
import type { Layer } from "../model/layers.ts";
import { Resolver } from "../model/network.ts";
import { SerialQueue } from "./call/lifecycle.ts";
import type { GivenWeight, Weight } from "./call/weights.ts";
import type { Sequential } from "./sequential.ts";

/** A layer of a model. */
export interface ModelLayer {
  /** The prefix of its weights' names; of a layer without weights its type, with a number from the second on. */
  readonly name: string;
  /** Its place among the model's layers. */
  readonly index: number;
  /** As it was declared. */
  readonly layer: Layer;
  /** Its weights are those of model.getWeights() from here… */
  readonly from: number;
  /** …to before here. */
  readonly to: number;
  /** Copies of its weights, in the order of model.getWeights(). @throws what model.getWeights() throws */
  getWeights(): Promise<Weight[]>;
  /** Replaces its weights and no others. @throws InputError, with nothing changed, if they do not fit or while training */
  setWeights(weights: readonly GivenWeight[]): Promise<void>;
}

function placesOf(model: Sequential): Omit<ModelLayer, "getWeights" | "setWeights">[] {
  const { stack } = model.inside,
    { inputWidth, inputSteps, sequences } = stack.declared("getLayer"),
    resolver = new Resolver(inputWidth, sequences ? inputSteps : null);
  const counts: Record<string, number> = {};
  const numbered = (type: string): string => {
    const number = (counts[type] = (counts[type] ?? -1) + 1);
    return number === 0 ? type : `${type}_${number}`;
  };
  return stack.layers.map((layer, index) => {
    const from = resolver.parameters.length,
      stage = resolver.stages.length;
    resolver.append(layer, index);
    const own = resolver.parameters.slice(from),
      // A normalization without weights has a name all the same.
      made = resolver.stages.at(stage);
    const name = own[0]?.name.split("/")[0] ?? (made?.type === "normalize" ? made.name : numbered(layer.type));
    return { name, index, layer, from, to: from + own.length };
  });
}

/** What sets weights of one layer reads all of them, and writes them again: one after the other, so that none is lost. */
const QUEUES = new WeakMap<Sequential, SerialQueue>();

/**
 * A layer of the model by its name, such as "dense_1", or its place, from 0 on.
 * @throws InputError if there is none, or the model is no whole network
 */
export function getLayer(model: Sequential, nameOrIndex: string | number): ModelLayer {
  const places = placesOf(model),
    found = places.find((place) => place.name === nameOrIndex || place.index === nameOrIndex);
  if (!found) {
    throw new InputError(
      `getLayer(): there is no layer ${show(nameOrIndex)}. There are ${places.map(({ name, index }) => `${index}: ${name}`).join(", ")}.`,
    );
  }
  const { name, from, to } = found;
  return {
    ...found,
    getWeights: async () => (await model.getWeights()).slice(from, to),
    setWeights: async (weights: readonly GivenWeight[]) => {
      const count = Array.isArray(weights) ? weights.length : show(weights);
      if (count !== to - from) throw new InputError(`getLayer(): ${name} has ${to - from} weights; setWeights() got ${count}.`);
      if (!QUEUES.has(model)) QUEUES.set(model, new SerialQueue());
      await QUEUES.get(model)!.run(async () => {
        const all: readonly GivenWeight[] = await model.getWeights();
        await model.setWeights([...all.slice(0, from), ...weights, ...all.slice(to)]);
      });
    },
  };
}
