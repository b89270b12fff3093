// What rows are compared by for metrics that few networks have. Loaded for these.

/** Numbers of a row that metrics are made of at the end of an epoch (graph/measures.ts), and metrics that few networks use. */
export type UncommonMetricKind =
  /** Whether fewer than 5 answers are larger than that of the class. */
  | "topKAccuracy"
  | "sparseTopKAccuracy"
  /** How many outputs of the row are so, where "positive" is above 0.5. */
  | "truePositives"
  | "trueNegatives"
  | "falsePositives"
  | "falseNegatives"
  /** a·y / (‖a‖·‖y‖), both norms no less than 10⁻⁷. */
  | "cosineSimilarity"
  /** y, y² and (a − y)² of one output. */
  | `${"target" | "squaredTarget" | "squaredError"}_${number}`;

/** Which output a kind such as target_3 is of. */
export const outputOf = (kind: string): number => Number(kind.split("_")[1]);
