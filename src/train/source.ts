// What fit(), evaluate(), predict() and their like were called with: arrays or a handle, then options.

import { InputError } from "../errors.ts";
import { show } from "../model/checks.ts";
import type { Loss } from "../model/losses.ts";
import { checkInputs, checkTargets, type Dataset, type Features, type InputOptions, type Targets } from "./data.ts";
import { isHandle, openHandle, type DatasetHandle } from "./dataset.ts";
import type { Shape } from "./shape.ts";

interface Arrays {
  readonly x: Features;
  readonly y: Targets;
}

export type Source = Arrays | DatasetHandle;

/** Data as a backend takes them, and the handle that they came by, if any. */
export interface Given {
  readonly dataset: Dataset;
  readonly handle: DatasetHandle | null;
}

/** (x, y, options) or (handle, options). */
export function splitArguments<O extends object>(
  where: string, x: Features | DatasetHandle, y: Targets | O | undefined, last: O | undefined,
): { source: Source; options: O } {
  if (!isHandle(x)) return { source: { x, y: y as Targets }, options: last === undefined ? {} as O : last };
  checkRest(where, y, last);
  return { source: x, options: y === undefined ? {} as O : y as O };
}

/** @throws InputError if what comes behind a handle looks like y */
function checkRest(where: string, second: unknown, third: unknown): void {
  if (third === undefined && !Array.isArray(second) && !ArrayBuffer.isView(second)) return;
  throw new InputError(`${where}: a data set brings its own y; behind it come the options alone. Got ` +
    `${show(third === undefined ? second : third)} as well.`);
}

/** @throws InputError if a scale or lengths are given with a handle */
function checkBeside(where: string, { scale, lengths }: InputOptions): void {
  if (lengths !== undefined) {
    throw new InputError(`${where}: the lengths of a data set are its own; got some beside it. Pass them to dataset(x, y, { lengths }).`);
  }
  if (scale === undefined) return;
  throw new InputError(`${where}: the scale of a data set is its own; got ${show(scale)} beside it. Pass it to ` +
    "dataset(x, y, { scale }).");
}

/** @throws InputError naming what is wrong with x or y, or with the handle */
export function labelled(where: string, source: Source, shape: Shape, loss: Loss, options: InputOptions): Given {
  if (isHandle(source)) {
    const contents = openHandle(where, source);
    checkBeside(where, options);
    return { dataset: contents.labelled(where, shape, loss), handle: source };
  }
  const inputs = checkInputs(where, source.x, shape, options, false);
  const y = checkTargets(where, source.y, inputs, shape, loss, false);
  return { dataset: { ...inputs, y }, handle: null };
}

/** @throws InputError naming what is wrong with x, or with the handle */
export function unlabelled(where: string, x: Features | DatasetHandle, shape: Shape, options: InputOptions): Given {
  if (isHandle(x)) {
    const contents = openHandle(where, x);
    checkBeside(where, options);
    return { dataset: contents.inputs(where, shape), handle: x };
  }
  return { dataset: { ...checkInputs(where, x, shape, options, false), y: null }, handle: null };
}

/** What fit() validates on: arrays have the scale of the training data, and no padding. @throws InputError */
export function validationSource(
  where: string, given: readonly [Features, Targets] | DatasetHandle, shape: Shape, loss: Loss, train: Source, options: InputOptions,
): Given {
  if (isHandle(given)) return labelled(where, given, shape, loss, {});
  const scale = isHandle(train) ? openHandle(where, train).scale : options.scale;
  return labelled(where, { x: given[0], y: given[1] }, shape, loss, { scale });
}
