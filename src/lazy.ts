// What a page loads only when it needs it, each with the reason. All of the library's dynamic imports stand here but those of the
// WebAssembly engine (wasm/lazy.ts), which is itself loaded later, and one: the page's half of trainInWorker()
// (train/worker/train-in-worker.ts), since the worker holds this file, too, and must not hold that. A door counts as part of the
// file that opens it, and may be opened from where that file may be imported (test/support/architecture.ts).
//
// Each throws what the host says where the file cannot be loaded, the network gone for example. docs/performance.md says what each weighs.

/** Handles, rows, sequences, rarer options, and the words for every mistake: a call with nothing wrong in it needs none of it. */
export const loadValidation = () => import("./train/call/validate-all.ts");

/** The float64 reference with verify(), inspectStep() and gradientCheck(): a third of the library, for those who check. */
export const loadFloat64 = () => import("./train/float64/float64.ts");

/** The WebAssembly engine, for models that are compiled for it. */
export const loadWasm = () => import("./train/engines/wasm-backend.ts");

/** The race of engines and its canary, for backend "auto". */
export const loadEngineChoice = () => import("./train/engines/choose-engine.ts");

/** The log of plans, launches and timings, for compile({ debug }). */
export const loadDebug = () => import("./train/engines/debug.ts");

/** Backpropagation through time, for networks with recurrent layers. */
export const loadRecurrent = () => import("./train/compiled/recurrent.ts");

/** Batch and layer normalization, for networks with such layers. */
export const loadNormalized = () => import("./train/compiled/normalized.ts");

/** Activations, losses, optimizers, metrics and initializers that few networks have, penalties and clipping. */
export const loadUncommon = () => import("./train/compiled/uncommon.ts");

/** Products staged in workgroup memory, and sums over very many numbers. */
export const loadBlocks = () => import("./schedule/blocks.ts");

/** The persistent kernel, for networks of at most 3,000 weights. */
export const loadPersistent = () => import("./gpu/persistent.ts");

/** What measures cuts of kernels, for compile({ autotune }). */
export const loadAutotune = () => import("./gpu/autotune.ts");

/** Streams and chunks, for data, mini-batches or plans that do not fit the device. */
export const loadLimits = () => import("./train/limits/limits.ts");

/** Training by steps instead of epochs, for fit({ steps }). */
export const loadBySteps = () => import("./train/by-steps.ts");

/** Files of a fit() under way, for fit({ checkpoint, resumeFrom }). */
export const loadCheckpointing = () => import("./train/checkpoint/checkpointing.ts");

/** Another device after a loss, and the way back from numbers that are not finite. */
export const loadRecovery = () => import("./train/recovery/recovery.ts");

/** The words for what a host or its device cannot do. */
export const loadUnsupported = () => import("./gpu/unsupported.ts");
