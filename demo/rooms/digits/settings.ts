// The controls of the network. What can change while it learns is kept apart from what starts a new one.

import { element } from "../../lib/dom.ts";
import { EngineControl } from "../../lib/engine-control.ts";
import { selectControl, sliderControl, textControl, type Control } from "../../lib/controls.ts";
import type { Words } from "../../lib/i18n.ts";
import { recipeControls } from "../../lib/recipe-controls.ts";
import { BATCH, DROPOUT, LAMBDA, LAYERS, LOSSES, RATE, SEED, USUAL_RATES, type DigitsConfig } from "./config.ts";
import type { DigitsWords } from "./texts.ts";

export interface SettingsEvents {
  readonly onRate: (rate: number) => void;
  readonly onBatch: (batch: number) => void;
  /** Anything that needs a new network. */
  readonly onNetwork: () => void;
}

type Controls = { readonly [K in Exclude<keyof DigitsConfig, "engine">]: Control<DigitsConfig[K]> };

export class Settings {
  readonly host: HTMLElement;
  readonly #controls: Controls;
  /** What it runs on. */
  readonly engine: EngineControl;

  constructor(words: Words<DigitsWords>, first: DigitsConfig, events: SettingsEvents) {
    const { onRate, onBatch, onNetwork } = events;
    const label = (name: keyof DigitsWords) => ({ words, label: (now: DigitsWords) => now[name] as string });
    const named = <T extends string>(values: readonly T[], names: Record<T, keyof DigitsWords>) =>
      values.map((value) => ({ value, label: (now: DigitsWords) => now[names[value]] as string }));
    const plain = (value: number) => String(Number(value.toPrecision(2)));
    this.#controls = {
      rate: sliderControl(label("rate"), RATE, first.rate, { places: 120, logarithmic: true, show: plain }, onRate),
      batch: textControl(label("batch"), BATCH, first.batch, onBatch, "numeric"),
      layers: textControl({ ...label("layers"), hint: (now) => now.layersHint }, LAYERS, first.layers, onNetwork),
      ...recipeControls(label, words.language, first, USUAL_RATES, {
        setRate: (rate) => {
          this.#controls.rate.value = rate;
        },
        onRegularizer: () => this.#enable(),
        onNetwork,
      }),
      loss: selectControl(
        label("lossKind"),
        named(LOSSES, { softmax: "softmax", sigmoid: "sigmoid", quadratic: "quadratic" }),
        first.loss,
        onNetwork,
      ),
      lambda: textControl(label("lambda"), LAMBDA, first.lambda, onNetwork, "decimal"),
      dropout: textControl(label("dropout"), DROPOUT, first.dropout, onNetwork, "decimal"),
      seed: textControl(label("seed"), SEED, first.seed, onNetwork, "numeric"),
    };
    this.engine = new EngineControl(words.language, first.engine, onNetwork);
    const { rate, batch, layers, activation, loss, optimizer, regularizer, lambda, dropout, seed } = this.#controls;
    const group = (name: "live" | "fresh", ...hosts: HTMLElement[]) =>
      element(
        "fieldset",
        { class: name },
        words.show(element("legend"), (now) => now[name]),
        ...hosts,
      );
    this.host = element(
      "section",
      { class: "card settings" },
      words.show(element("h2"), ({ settings }) => settings),
      group("live", rate.host, batch.host),
      group("fresh", ...[layers, activation, loss, optimizer, regularizer, lambda, dropout, seed, this.engine].map(({ host }) => host)),
    );
    this.#enable();
  }

  get config(): DigitsConfig {
    const values = Object.fromEntries(Object.entries(this.#controls).map(([name, { value }]) => [name, value]));
    return { ...values, engine: this.engine.choice } as unknown as DigitsConfig;
  }

  /** Shows a configuration; tells nobody. */
  set config(config: DigitsConfig) {
    this.engine.choice = config.engine;
    for (const name of Object.keys(this.#controls) as (keyof Controls)[]) {
      (this.#controls[name] as Control<unknown>).value = config[name];
    }
    this.#enable();
  }

  dispose(): void {
    this.engine.dispose();
  }

  #enable(): void {
    this.#controls.lambda.disabled = this.#controls.regularizer.value === "none";
  }
}
