// What TensorFlow.js has and deltaprop/tfjs has not: the error that says so by name.

import { UnsupportedError } from "../index.ts";

export const unsupported = (name: string, remedy: string): UnsupportedError =>
  new UnsupportedError(`${name} is not in deltaprop/tfjs. ${remedy}`);

/** What stands for a function that is not here: it takes anything and throws. */
export type AbsentFunction = (...given: never[]) => never;

/** A function in the place of one that is not here. */
export const missing =
  (name: string, remedy: string): AbsentFunction =>
  () => {
    throw unsupported(name, remedy);
  };

export const OWN_GRADIENT =
  "Only fit() trains here: give fit() targets, or weigh rows of its loss by sampleWeight; for gradients of " +
  "other functions stay " +
  "with TensorFlow.js.";
