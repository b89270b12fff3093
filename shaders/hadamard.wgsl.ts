// hadamard: the product of two tensors element by element, the ⊙ of BP1 and BP2.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";

export const hadamardFunction = (name: string): string => wgsl`
fn ${name}(p: f32, q: f32) -> f32 {
  return p * q;
}
`;
