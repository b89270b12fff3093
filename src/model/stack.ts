// The layers of a model as they are declared, one by one, and the network that they are once it is used.

import { InputError } from "../errors.ts";
import type { Layer } from "./layers.ts";
import { checkBeginning, checkSeed, resolveNetwork, type Network } from "./network.ts";

export class LayerStack {
  readonly seed: number;
  layers: readonly Layer[];
  #network: Network | null = null;

  /** @throws InputError if a layer does not fit the one before it, whatever follows; or for a wrong seed */
  constructor(layers: readonly Layer[], seed: number) {
    checkBeginning(layers);
    this.layers = Object.freeze([...layers]);
    this.seed = checkSeed(seed);
  }

  /** @throws InputError, with nothing appended, if it does not fit the layer before it */
  append(layer: Layer): void {
    const layers = Object.freeze([...this.layers, layer]);
    checkBeginning(layers);
    this.layers = layers;
    this.#network = null;
  }

  /** Null while there are no layers. @throws InputError if they are no whole network */
  get network(): Network | null {
    if (this.layers.length > 0) this.#network ??= resolveNetwork(this.layers, this.seed);
    return this.#network;
  }

  /** @param where the call that needs it. @throws InputError while there are no layers, or if they are no whole network */
  declared(where: string): Network {
    const { network } = this;
    if (network) return network;
    throw new InputError(`${where}(): the model has no dense layer yet. Give sequential() its layers, or add() them.`);
  }
}
