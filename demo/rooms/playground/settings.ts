// The controls of points and network. What can change while it learns is kept apart from what starts a new one. Features and
// the number of neurons are also chosen in the drawing of the network.

import { selectControl, sliderControl, switchControl, textControl, button, type Control } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import { EngineControl } from "../../lib/engine-control.ts";
import type { Words } from "../../lib/i18n.ts";
import { recipeControls } from "../../lib/recipe-controls.ts";
import type { Theme } from "../../lib/theme.ts";
import {
  BATCH,
  LAMBDA,
  LAYERS,
  LOSSES,
  NOISE,
  PACES,
  RATE,
  SEED,
  SHARE,
  USUAL_RATES,
  type OwnPoint,
  type Pace,
  type PlaygroundConfig,
} from "./config.ts";
import type { FeatureName } from "./features.ts";
import { ProblemPicker } from "./problem-picker.ts";
import type { PlaygroundWords } from "./texts.ts";

export interface SettingsEvents {
  readonly onRate: (rate: number) => void;
  readonly onBatch: (batch: number) => void;
  readonly onPace: (pace: Pace) => void;
  /** Other points, and with them a new network. */
  readonly onPoints: () => void;
  /** Anything else that needs a new network. */
  readonly onNetwork: () => void;
  readonly onShowTest: (shown: boolean) => void;
  readonly onUndo: () => void;
  readonly onClear: () => void;
}

type Controls = { readonly [K in Exclude<keyof PlaygroundConfig, "features" | "points" | "engine">]: Control<PlaygroundConfig[K]> };
type Label =
  | "noise"
  | "share_"
  | "rate"
  | "batch"
  | "layers"
  | "activation"
  | "lossKind"
  | "optimizer"
  | "regularizer"
  | "lambda"
  | "seed"
  | "pace"
  | "classToPlace";

export class Settings {
  /** Where the points come from. */
  readonly points: HTMLElement;
  readonly network: HTMLElement;
  readonly #controls: Controls;
  /** What it runs on. */
  readonly engine: EngineControl;
  /** What belongs to points of one's own, for beside the map; hidden for other problems. */
  readonly own = element("div", { class: "own" });
  readonly #class: Control<"0" | "1">;
  #features: readonly FeatureName[];
  #placed: readonly OwnPoint[];

  constructor(words: Words<PlaygroundWords>, theme: Theme, first: PlaygroundConfig, events: SettingsEvents) {
    const { onRate, onBatch, onPace, onPoints, onNetwork } = events;
    const label = (name: Label) => ({ words, label: (now: PlaygroundWords) => now[name] });
    const named = <T extends string>(values: readonly T[], names: Record<T, keyof PlaygroundWords>) =>
      values.map((value) => ({ value, label: (now: PlaygroundWords) => now[names[value]] as string }));
    const plain = (value: number) => String(Number(value.toPrecision(2)));
    [this.#features, this.#placed] = [first.features, first.points];
    this.#controls = {
      problem: new ProblemPicker(words, theme, first.problem, () => {
        this.#enable();
        onPoints();
      }),
      noise: sliderControl(label("noise"), NOISE, first.noise, { places: 50, show: (value) => value.toFixed(2) }, onPoints),
      share: sliderControl(label("share_"), SHARE, first.share, { places: 8, show: (value) => words.language.percent(value, 0) }, onPoints),
      rate: sliderControl(label("rate"), RATE, first.rate, { places: 100, logarithmic: true, show: plain }, onRate),
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
        named(LOSSES, { crossentropy: "crossentropy", quadratic: "quadratic" }),
        first.loss,
        onNetwork,
      ),
      lambda: textControl(label("lambda"), LAMBDA, first.lambda, onNetwork, "decimal"),
      seed: textControl(label("seed"), SEED, first.seed, onPoints, "numeric"),
      pace: selectControl(label("pace"), named(PACES, { step: "paceStep", slow: "paceSlow", full: "paceFull" }), first.pace, onPace),
    };
    this.engine = new EngineControl(words.language, first.engine, onNetwork);
    this.#class = selectControl(
      label("classToPlace"),
      [
        { value: "1", label: (now: PlaygroundWords) => now.class1 },
        { value: "0", label: (now: PlaygroundWords) => now.class0 },
      ],
      "1",
      () => {},
    );
    const { problem, noise, share, rate, batch, layers, activation, loss, optimizer, regularizer, lambda, seed } = this.#controls;
    const group = (name: "live" | "fresh", ...hosts: HTMLElement[]) =>
      element(
        "fieldset",
        { class: name },
        words.show(element("legend"), (now) => now[name]),
        ...hosts,
      );
    this.own.append(
      this.#class.host,
      element(
        "div",
        { class: "pair" },
        button(words, ({ undo }) => undo, events.onUndo),
        button(words, ({ clear }) => clear, events.onClear),
      ),
      words.show(element("p", { class: "hint" }), ({ ownHint }) => ownHint),
    );
    const showTest = switchControl({ words, label: (now: PlaygroundWords) => now.showTest }, true, events.onShowTest);
    this.points = element(
      "section",
      { class: "card points" },
      words.show(element("h2"), ({ data }) => data),
      element("div", { class: "stack" }, problem.host, noise.host, share.host, showTest.host),
    );
    this.network = element(
      "section",
      { class: "card settings" },
      words.show(element("h2"), ({ settings }) => settings),
      group("live", rate.host, batch.host),
      group("fresh", layers.host, activation.host, loss.host, optimizer.host, regularizer.host, lambda.host, seed.host, this.engine.host),
    );
    this.#enable();
  }

  /** For beside the buttons that run the training. */
  get pace(): HTMLElement {
    return this.#controls.pace.host;
  }

  get config(): PlaygroundConfig {
    const values = Object.fromEntries(Object.entries(this.#controls).map(([name, { value }]) => [name, value]));
    return { ...values, features: this.#features, points: this.#placed, engine: this.engine.choice } as unknown as PlaygroundConfig;
  }

  /** Shows a configuration; tells nobody. */
  set config(config: PlaygroundConfig) {
    [this.#features, this.#placed, this.engine.choice] = [config.features, config.points, config.engine];
    for (const name of Object.keys(this.#controls) as (keyof Controls)[]) (this.#controls[name] as Control<unknown>).value = config[name];
    this.#enable();
  }

  set features(features: readonly FeatureName[]) {
    this.#features = features;
  }

  /** The visitor's own points. */
  get placed(): readonly OwnPoint[] {
    return this.#placed;
  }

  set placed(points: readonly OwnPoint[]) {
    this.#placed = points;
  }

  set layers(layers: readonly number[]) {
    this.#controls.layers.value = layers;
  }

  /** The class that the next point of one's own gets. */
  get label(): 0 | 1 {
    return this.#class.value === "1" ? 1 : 0;
  }

  set label(label: 0 | 1) {
    this.#class.value = label === 1 ? "1" : "0";
  }

  dispose(): void {
    this.engine.dispose();
  }

  #enable(): void {
    const own = this.#controls.problem.value === "own";
    this.own.hidden = !own;
    this.#controls.noise.host.hidden = own;
    this.#controls.lambda.disabled = this.#controls.regularizer.value === "none";
  }
}
