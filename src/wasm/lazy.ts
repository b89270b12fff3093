// What the WebAssembly engine loads only when it needs it, each with the reason: see src/lazy.ts, which every page loads at once.

/** Threads that share the steps, where memory can be shared. */
export const loadThreads = () => import("./team.ts");

/** Activations, losses, metrics and optimizers that few networks have, penalties and clipping. */
export const loadUncommon = () => import("./uncommon-writers.ts");

/** Recurrent layers, embeddings, padding, normalizations. */
export const loadSequences = () => import("./sequences.ts");
