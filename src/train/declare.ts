// sequential(): how a model is declared.

import type { SequentialOptions } from "./call/options.ts";
import { Sequential } from "./sequential.ts";

/**
 * A stack of layers, one after the other; add() appends more.
 * @throws InputError if a layer does not fit the one before it, or the first does not say what comes in. What only further layers
 * can tell (no layer with weights, a dropout at the end) is told when the model is first used.
 */
export function sequential(options: SequentialOptions = {}): Sequential {
  // What is assigned to it by another name would be without effect.
  const model = new Sequential(options);
  Object.freeze(model);
  return model;
}
