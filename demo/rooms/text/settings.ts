// The controls of the network. What can change while it learns is kept apart from what starts a new one.

import { TEXT_CELLS, type TextCell } from "../../../src/cli/text-model.ts";
import { selectControl, sliderControl, textControl, type Control } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import { EngineControl } from "../../lib/engine-control.ts";
import type { Words } from "../../lib/i18n.ts";
import { choicesOf, type Labels } from "../../lib/menus.ts";
import { BATCH, LAYERS, LENGTH, RATE, SEED, UNITS, type TextConfig } from "./config.ts";
import type { TextWords } from "./texts.ts";

const CELL_LABELS: Labels<TextCell> = { rnn: { en: "simple RNN", zh: "简单 RNN" }, lstm: "LSTM", gru: "GRU" };

/** The temperature is set where the text is. */
export type NetworkConfig = Omit<TextConfig, "temperature">;
type Controls = { readonly [K in Exclude<keyof NetworkConfig, "engine">]: Control<NetworkConfig[K]> };

export class Settings {
  readonly host: HTMLElement;
  readonly #controls: Controls;
  /** What starts a new network. */
  readonly fresh: HTMLElement;
  /** What it runs on. */
  readonly engine: EngineControl;

  constructor(words: Words<TextWords>, first: TextConfig, onRate: (rate: number) => void, onNetwork: () => void) {
    const label = (name: keyof Controls) => ({ words, label: (now: TextWords) => now[name] });
    const number = (name: Exclude<keyof Controls, "rate" | "cell">, field: typeof UNITS) =>
      textControl(label(name), field, first[name], onNetwork, "numeric");
    this.#controls = {
      rate: sliderControl(
        label("rate"),
        RATE,
        first.rate,
        { places: 80, logarithmic: true, show: (value) => String(Number(value.toPrecision(2))) },
        onRate,
      ),
      cell: selectControl<TextCell, TextWords>(label("cell"), choicesOf(TEXT_CELLS, CELL_LABELS, words.language), first.cell, onNetwork),
      units: number("units", UNITS),
      layers: number("layers", LAYERS),
      length: number("length", LENGTH),
      batch: number("batch", BATCH),
      seed: number("seed", SEED),
    };
    this.engine = new EngineControl(words.language, first.engine, onNetwork);
    const { rate, cell, units, layers, length, batch, seed } = this.#controls;
    const group = (name: "live" | "fresh", ...hosts: HTMLElement[]) =>
      element(
        "fieldset",
        { class: name },
        words.show(element("legend"), (now) => now[name]),
        ...hosts,
      );
    this.fresh = group("fresh", cell.host, units.host, layers.host, length.host, batch.host, seed.host, this.engine.host);
    this.host = element(
      "section",
      { class: "card knobs" },
      words.show(element("h2"), (now) => now.settings),
      group("live", rate.host),
      this.fresh,
    );
  }

  get config(): NetworkConfig {
    const values = Object.fromEntries(Object.entries(this.#controls).map(([name, { value }]) => [name, value]));
    return { ...values, engine: this.engine.choice } as unknown as NetworkConfig;
  }

  /** Shows a configuration; tells nobody. */
  set config(config: NetworkConfig) {
    this.engine.choice = config.engine;
    for (const [name, control] of Object.entries(this.#controls)) (control as Control<unknown>).value = config[name as keyof Controls];
  }

  dispose(): void {
    this.engine.dispose();
  }
}
