// What the layers of normalization take, and what they are once declared.

import type { Initializer, InitializerName } from "./initializers.ts";
import type { Regularizer } from "./regularizers.ts";

/** What layerNormalization() takes. */
export interface LayerNormalizationOptions {
  /** −1 (default), or the number of the last axis counted with the batch: features are normalized, nothing else. */
  axis?: number;
  /** ε, added to the variance under the root: finite and > 0; default 1e-3. */
  epsilon?: number;
  /** Whether there is a β; default true. */
  center?: boolean;
  /** Whether there is a γ; default true. */
  scale?: boolean;
  /** How β (features) starts; default "zeros". */
  betaInitializer?: Initializer | InitializerName;
  /** How γ (features) starts; default "ones". */
  gammaInitializer?: Initializer | InitializerName;
  /** A penalty on β that is added to the loss: l1(…), l2(…) or l1l2(…); default null, none. */
  betaRegularizer?: Regularizer | null;
  /** The same for γ; default null, none. */
  gammaRegularizer?: Regularizer | null;
  /** [features] or [steps, features] that come in, the batch left out; the first layer needs it, later ones may repeat it. */
  inputShape?: readonly number[];
  /**
   * False: fit() leaves γ and β as they are, without penalties; a batch normalization normalizes by its moving statistics then, and leaves
   * them as they are, as in Keras. Default true.
   */
  trainable?: boolean;
  /** Prefix of the weights' names; "layer_normalization", "layer_normalization_1", … by default. */
  name?: string;
}

/** What batchNormalization() takes. */
export interface BatchNormalizationOptions extends LayerNormalizationOptions {
  /** m in: moving statistic ← m·moving statistic + (1 − m)·statistic of the mini-batch. In [0, 1]; default 0.99. */
  momentum?: number;
  /** How the moving mean (features) starts; default "zeros". */
  movingMeanInitializer?: Initializer | InitializerName;
  /** How the moving variance (features) starts; default "ones". */
  movingVarianceInitializer?: Initializer | InitializerName;
  /** Prefix of the weights' names; "batch_normalization", "batch_normalization_1", … by default. */
  name?: string;
}

/** What layerNormalization() returns: frozen, with all defaults filled in. */
export interface LayerNormalizationLayer {
  readonly type: "layerNormalization";
  /** Of the features: −1, or its number, the batch being 0. */
  readonly axis: -1 | 1 | 2;
  readonly epsilon: number;
  readonly center: boolean;
  readonly scale: boolean;
  readonly betaInitializer: Initializer;
  readonly gammaInitializer: Initializer;
  readonly betaRegularizer: Regularizer | null;
  readonly gammaRegularizer: Regularizer | null;
  readonly inputShape: readonly number[] | null;
  readonly name: string | null;
  /** Left out of layers that are trained. */
  readonly trainable?: false;
}

/** What batchNormalization() returns: frozen, with all defaults filled in. */
export interface BatchNormalizationLayer extends Omit<LayerNormalizationLayer, "type"> {
  readonly type: "batchNormalization";
  readonly momentum: number;
  readonly movingMeanInitializer: Initializer;
  readonly movingVarianceInitializer: Initializer;
}
