// All that resident plans need, behind one door: pages without a tiny network never load it.

export { writeResident } from "../schedule/resident.ts";
export { ResidentExecutor } from "./resident-executor.ts";
