// What data, graphs and plans of recurrent networks need, behind one door: pages without a recurrent layer never load it.

export * as graph from "../../graph/recurrent.ts";
export * as checks from "../data/sequences.ts";
export { SEQUENCES } from "../../schedule/sequences.ts";
