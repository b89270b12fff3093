// What graphs, data and plans of some networks need beside those of an MLP, as their doors give it.

import type { SequenceGraph } from "../../graph/backward.ts";
import type { SequenceWriter } from "../../schedule/sequence-writer.ts";
import type { SequenceChecks } from "../data/shape.ts";

export interface More {
  readonly graph: SequenceGraph;
  readonly checks: SequenceChecks;
  readonly SEQUENCES: SequenceWriter;
}
