// All that persistent plans need, behind one door: pages without a tiny network never load it.

export { writePersistent } from "../schedule/persistent.ts";
export { PersistentExecutor } from "./persistent-executor.ts";
