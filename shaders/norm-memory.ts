// Names that kernels which make norms and kernels which use them share; norms.wgsl.ts, which few networks need, has the rest.

/** The buffer of the norms. */
export const NORMS = "norms";

export const SQUARES = "var<private> squares: vec3f;\n";
