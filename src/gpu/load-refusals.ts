// Loads the words for what a host or its device refuses.

/** @throws what the host says where the file cannot be loaded, the network gone for example */
export const loadRefusals = () => import("./refusals.ts");
