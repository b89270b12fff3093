// All that needs the float64 reference, behind one door: pages that only train on the GPU never load it.

export { traceStep } from "../../gpu/trace.ts";
export { CpuBackend } from "./cpu-backend.ts";
export { firstNonFinite } from "./first-non-finite.ts";
export { checkModelGradients } from "./gradients.ts";
export { inspectTrainingStep } from "./inspect.ts";
export { verifySteps } from "./verify.ts";
export { describeStage, describeOps as describeSteps } from "../../schedule/describe.ts";
