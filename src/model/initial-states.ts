// What the optimizer keeps beside the weights, as it starts.

import { elementsOf, type Network } from "./network.ts";
import { optimizerStates, type Optimizer } from "./optimizers.ts";

/** A tensor of the weights' own shape for each state of each weight that is trained, by name: "m_w1". */
export function initialStates(network: Network, optimizer: Optimizer): Map<string, Float32Array<ArrayBuffer>> {
  return new Map(
    network.parameters
      .filter(({ frozen }) => !frozen)
      .flatMap(({ symbol, shape }) =>
        optimizerStates(optimizer).map(
          ({ name, initial }) => [`${name}_${symbol}`, new Float32Array(elementsOf(shape)).fill(initial)] as const,
        ),
      ),
  );
}
