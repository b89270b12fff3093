// All formulas and initializers, behind one door: a page loads it for networks that have what few networks use.

export { ALL_DRAWS as draws } from "../../model/uncommon-initializers.ts";
export { measuresOf as measures } from "../../graph/measures.ts";
export { ALL_FORMULAS as formulas } from "../../schedule/uncommon.ts";
