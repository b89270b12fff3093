// What the tests of one host came to, in a form that goes from the process that ran them to the one that prints the table.

export interface Skipped {
  readonly name: string;
  /** What the test said of why. */
  readonly note: string;
}

export interface Outcome {
  readonly passed: number;
  /** "file > describe > test"; also what went wrong outside of any test. */
  readonly failed: readonly string[];
  readonly skipped: readonly Skipped[];
}

/** Where the process that runs the tests writes its Outcome, as JSON. */
export const OUTCOME_FILE = "DELTAPROP_OUTCOME";

/** Reasons with how many tests each stopped. */
export function reasonsFor(skipped: readonly Skipped[]): Map<string, number> {
  const reasons = new Map<string, number>();
  for (const { note } of skipped) reasons.set(note, (reasons.get(note) ?? 0) + 1);
  return reasons;
}
