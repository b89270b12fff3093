// tf.loadLayersModel() and model.save(), by deltaprop/files, which is loaded when it is needed.

import { InputError, type GateActivation, type Layer as CoreLayer, type Sequential as CoreSequential } from "../index.ts";
import type { ModelArtifacts } from "../files/index.ts";
import { ActivationLayer, Dense, Dropout, type Layer } from "./layers.ts";
import { unsupported } from "./missing.ts";
import { Normalization } from "./normalization.ts";
import { Recurrent } from "./recurrent.ts";

/** What an IOHandler gives of a save(). */
export interface SaveResult {
  modelArtifactsInfo: { dateSaved: Date; modelTopologyType: "JSON"; weightDataBytes: number };
}
/** What loads and saves artifacts: tf.io.withSaveHandler() of TensorFlow.js, or an object of one's own. */
export interface IOHandler {
  save?(artifacts: ModelArtifacts): Promise<unknown>;
  load?(): Promise<ModelArtifacts>;
}
/** What tf.loadLayersModel() reads; a list of files has model.json first, as the user picked them. */
export type LoadSource = string | URL | IOHandler | readonly File[];

const files = () => import("../files/index.ts");
/** Kept by deltaprop's own file, in one piece. */
const OWN = /^(indexeddb|opfs):\/\//;

/** "file://./folder" is a path, as in TensorFlow.js for Node. */
const pathOf = (place: string): string => place.replace(/^file:\/\/(?!\/)/, "").replace(/^file:\/\/(?=\/)/, "");

/** Gives the page's user model.json and its weights to keep. */
function download(name: string, { weightSpecs: weights, weightData, ...rest }: ModelArtifacts): void {
  if (globalThis.document === undefined) throw unsupported('model.save("downloads://…")', 'There is no page: save to "file://…".');
  const json = JSON.stringify({ ...rest, weightsManifest: [{ paths: [`./${name}.weights.bin`], weights }] });
  for (const [file, part] of [
    [`${name}.json`, json],
    [`${name}.weights.bin`, weightData as ArrayBuffer],
  ] as const) {
    const link = document.createElement("a"),
      url = URL.createObjectURL(new Blob([part]));
    link.href = url;
    link.download = file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}

/** @throws InputError, UnsupportedError if there is no such place */
export async function saveTo(core: CoreSequential, target: string | IOHandler): Promise<SaveResult> {
  const { modelArtifacts, saveLayersModel, saveModel } = await files(),
    artifacts = await modelArtifacts(core);
  if (typeof target !== "string") {
    if (typeof target?.save !== "function") {
      throw new InputError("model.save(): the target must be an address, or an IOHandler with save().");
    }
    await target.save(artifacts);
  } else if (OWN.test(target)) await saveModel(core, target);
  else if (target.startsWith("downloads://")) download(target.slice("downloads://".length) || "model", artifacts);
  else if (target.startsWith("file://")) await saveLayersModel(core, `${pathOf(target).replace(/\/$/, "")}/model.json`);
  else
    throw unsupported(
      `model.save(${JSON.stringify(target.slice(0, 80))})`,
      'Save to "indexeddb://…", "opfs://…", "downloads://…", "file://…" (Node), or an IOHandler.',
    );
  return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON", weightDataBytes: artifacts.weightData.byteLength } };
}

/** @throws as saveTo(); UnsupportedError naming a layer or option that is not here */
export async function loadFrom(source: LoadSource): Promise<CoreSequential> {
  const { loadLayersModel, loadModel } = await files();
  if (Array.isArray(source)) return loadLayersModel(Object.fromEntries((source as readonly File[]).map((file) => [file.name, file])));
  if (typeof source === "string" && source.startsWith("localstorage://"))
    throw unsupported('tf.loadLayersModel("localstorage://…")', 'Use "indexeddb://…".');
  if (typeof source === "string")
    return OWN.test(source)
      ? loadModel(source, { compile: false })
      : loadLayersModel(source.startsWith("file://") ? pathOf(source) : source);
  return loadLayersModel(source as Parameters<typeof loadLayersModel>[0]);
}

const NAMES: Readonly<Record<string, string>> = { geluTanh: "gelu_new" };

/** What the layer of deltaprop is declared as by tf.layers.*. */
export function layerOf(layer: CoreLayer): Layer {
  const inputShape = layer.inputShape ?? undefined;
  switch (layer.type) {
    case "dropout":
      return new Dropout({ rate: layer.rate, inputShape });
    case "activation":
      return new ActivationLayer({ activation: NAMES[layer.activation] ?? layer.activation, inputShape });
    case "dense":
      return new Dense({ ...common(layer), inputShape });
    case "batchNormalization":
      return new Normalization(true, { ...normalization(layer), inputShape, momentum: layer.momentum });
    case "layerNormalization":
      return new Normalization(false, { ...normalization(layer), inputShape });
    case "simpleRNN":
    case "lstm":
    case "gru": {
      if (layer.stateful || layer.inputVocabulary !== null)
        throw unsupported(`a model whose ${layer.type} is stateful or has a vocabulary`, "Load it by loadModel() of deltaprop/files.");
      const { returnSequences, dropout, recurrentRegularizer } = layer;
      return new Recurrent(layer.type, {
        ...common(layer),
        inputShape,
        returnSequences,
        dropout,
        recurrentRegularizer,
        ...(layer.type !== "simpleRNN" && { recurrentActivation: gatesOf(layer.recurrentActivation) }),
        ...(layer.type === "lstm" && { unitForgetBias: layer.unitForgetBias }),
        ...(layer.type === "gru" && { resetAfter: layer.resetAfter }),
      });
    }
  }
}

/** By the name of TensorFlow.js. */
const gatesOf = (name: GateActivation): string => (name === "hardSigmoidKeras2" ? "hardSigmoid" : name);

const common = ({
  units,
  activation,
  useBias,
  kernelRegularizer,
  biasRegularizer,
  name,
  trainable,
}: Extract<CoreLayer, { type: "dense" | "simpleRNN" | "lstm" | "gru" }>) => ({
  units,
  trainable,
  activation: NAMES[activation] ?? activation,
  useBias,
  kernelRegularizer,
  biasRegularizer,
  ...(name !== null && { name }),
});

const normalization = ({
  epsilon,
  center,
  scale,
  gammaRegularizer,
  betaRegularizer,
  name,
  trainable,
}: Extract<CoreLayer, { type: "batchNormalization" | "layerNormalization" }>) => ({
  epsilon,
  trainable,
  center,
  scale,
  gammaRegularizer,
  betaRegularizer,
  ...(name !== null && { name }),
});
