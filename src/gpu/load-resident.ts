// Loads what writes and runs resident plans, for tiny networks alone.

/** @throws what the host says where the file cannot be loaded, the network gone for example */
export const loadResident = () => import("./resident.ts");
