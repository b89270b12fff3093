/**
 * How weights start, under the names of TensorFlow.js' namespace: `tf.initializers.heNormal()`.
 * A module, so that editors show the documentation of each function.
 * @module
 */

export {
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  lecunNormal,
  ones,
  orthogonal,
  randomNormal,
  randomUniform,
  zeros,
} from "../initializers.ts";
