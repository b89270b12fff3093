// How long and how often a campaign measures.

export interface Pace {
  /** Interleaved, after the one that finds how many steps take `seconds`. */
  readonly rounds: number;
  /** Of one contender in a round. */
  readonly seconds: number;
  /** Losses that are compared with the reference. */
  readonly lossSteps: number;
}

const FULL: Pace = { rounds: 5, seconds: 0.3, lossSteps: 4 };
/** To see that all works, not to quote. */
const QUICK: Pace = { rounds: 2, seconds: 0.05, lossSteps: 2 };

export const paceOf = (quick: boolean): Pace => (quick ? QUICK : FULL);
