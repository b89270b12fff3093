// The menus that rooms have in common: the library's own lists of activations, optimizers and penalties.

import { selectControl, type Control, type Labelled } from "./controls.ts";
import type { Language } from "./i18n.ts";
import {
  ACTIVATION_LABELS,
  choicesOf,
  HIDDEN_ACTIVATIONS,
  OPTIMIZER_CHOICES,
  OPTIMIZER_LABELS,
  REGULARIZER_LABELS,
  REGULARIZERS,
  usualRate,
  type HiddenActivation,
  type OptimizerChoice,
  type RegularizerChoice,
  type UsualRates,
} from "./menus.ts";

export interface RecipeChoices {
  readonly activation: HiddenActivation;
  readonly optimizer: OptimizerChoice;
  readonly regularizer: RegularizerChoice;
}

export interface RecipeEvents {
  /** Another optimizer begins with the rate that it learns well at. */
  readonly setRate: (rate: number) => void;
  readonly onRegularizer: () => void;
  /** Called behind either, and for another activation. */
  readonly onNetwork: () => void;
}

export function recipeControls<W>(
  label: (name: keyof RecipeChoices) => Labelled<W>,
  language: Pick<Language, "code">,
  first: RecipeChoices,
  rates: UsualRates,
  { setRate, onRegularizer, onNetwork }: RecipeEvents,
): { readonly [K in keyof RecipeChoices]: Control<RecipeChoices[K]> } {
  return {
    activation: selectControl(label("activation"), choicesOf(HIDDEN_ACTIVATIONS, ACTIVATION_LABELS, language), first.activation, onNetwork),
    optimizer: selectControl(label("optimizer"), choicesOf(OPTIMIZER_CHOICES, OPTIMIZER_LABELS, language), first.optimizer, (optimizer) => {
      setRate(usualRate(rates, optimizer));
      onNetwork();
    }),
    regularizer: selectControl(label("regularizer"), choicesOf(REGULARIZERS, REGULARIZER_LABELS, language), first.regularizer, () => {
      onRegularizer();
      onNetwork();
    }),
  };
}
