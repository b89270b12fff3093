/**
 * How weights start, under the names of TensorFlow.js' namespace: `tf.initializers.heNormal()`.
 * A module, so that editors show the documentation of each function.
 * @module
 */

export {
  constantInitializer as constant,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  identity,
  lecunNormal,
  lecunUniform,
  ones,
  orthogonal,
  randomNormal,
  randomUniform,
  truncatedNormal,
  varianceScaling,
  zeros,
} from "../initializers.ts";
