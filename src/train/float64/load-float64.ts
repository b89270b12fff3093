// Loads what needs the float64 reference, when it is first asked for: a third of the library.

/** @throws what the host says where the file cannot be loaded, the network gone for example */
export const loadFloat64 = () => import("./float64.ts");

export type Float64 = Awaited<ReturnType<typeof loadFloat64>>;
