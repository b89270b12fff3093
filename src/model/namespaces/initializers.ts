// TensorFlow.js' namespace tf.initializers.

export {
  glorotNormal, glorotUniform, heNormal, heUniform, lecunNormal, ones, orthogonal, randomNormal, randomUniform, zeros,
} from "../initializers.ts";
