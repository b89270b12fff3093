// deltaprop/files: models as files. See docs/files.md.

export { loadModel, saveModel } from "./own/model-file.ts";
export type { LoadModelOptions, SaveModelOptions } from "./own/model-file.ts";
export { loadLayersModel, modelArtifacts, saveLayersModel } from "./layers-model/model-json.ts";
export type { ArtifactsLoader, ArtifactFiles as Files, LoadLayersModelOptions, SaveLayersModelOptions } from "./layers-model/model-json.ts";
export type { ModelArtifacts, WeightSpec } from "./layers-model/artifacts.ts";
export { loadTorchWeights } from "./torch.ts";
export type { LoadTorchWeightsOptions, TorchName } from "./torch.ts";
export type { ModelPlace as Place, ReadOptions, ModelSource as Source } from "./places.ts";
