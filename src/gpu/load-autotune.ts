// Loads what measures, when it is first asked for.

/** @throws what the host says where the file cannot be loaded, the network gone for example */
export const loadAutotune = () => import("./autotune.ts");
