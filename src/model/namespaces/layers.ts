// TensorFlow.js' namespace tf.layers. A module, so that editors show the documentation of the functions themselves.

export { activation, dense, dropout } from "../layers.ts";
export { simpleRNN } from "../recurrent.ts";
