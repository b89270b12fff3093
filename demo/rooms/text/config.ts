// What can be set in the text room, its bounds and its first values. Links, controls and the worker all keep to these.

import { ENGINE_CHOICE, type EngineChoice } from "../../lib/engine-control.ts";
import { TEXT_CELLS, type TextCell } from "../../../src/cli/text-model.ts";
import { oneOf, real, whole, type Fields } from "../../lib/share.ts";

export interface TextConfig {
  /** Kind of the recurrent layers. */
  readonly cell: TextCell;
  /** Recurrent layers. */
  readonly layers: number;
  /** Units of each. */
  readonly units: number;
  /** Characters of a window: so far back goes the gradient. */
  readonly length: number;
  /** The text is read at so many places at once. */
  readonly batch: number;
  readonly rate: number;
  readonly seed: number;
  /** Of what is written: probabilities are taken to the power 1/temperature. */
  readonly temperature: number;
  readonly engine: EngineChoice;
}

export const LAYERS = whole(1, 3);
export const UNITS = whole(1, 512);
export const LENGTH = whole(1, 256);
export const BATCH = whole(1, 256);
export const RATE = real(1e-5, 0.1);
export const SEED = whole(0, 4_294_967_295);
export const TEMPERATURE = real(0.1, 2);

export const FIELDS: Fields<TextConfig> = {
  cell: oneOf(TEXT_CELLS),
  layers: LAYERS,
  units: UNITS,
  length: LENGTH,
  batch: BATCH,
  rate: RATE,
  seed: SEED,
  temperature: TEMPERATURE,
  engine: ENGINE_CHOICE,
};

export const DEFAULTS: TextConfig = {
  cell: "rnn",
  layers: 1,
  units: 128,
  length: 40,
  batch: 16,
  rate: 0.003,
  seed: 1,
  temperature: 0.6,
  engine: "auto",
};
