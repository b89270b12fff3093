// What every chart of a room lets the reader set: how much it is smoothed, and which axes are logarithmic.

import { FIRST_SMOOTHING, type LineChart } from "./chart.ts";
import { sliderControl, switchControl } from "./controls.ts";
import { element } from "./dom.ts";
import { defineTexts, type Language } from "./i18n.ts";
import { real } from "./share.ts";

const texts = defineTexts(
  {
    smoothing: "Smoothing",
    values: "Logarithmic values",
    steps: "Logarithmic steps",
  },
  {
    smoothing: "平滑",
    values: "数值取对数",
    steps: "步数取对数",
  },
);

export interface ChartControls {
  readonly host: HTMLElement;
  dispose(): void;
}

/**
 * @param charts which are set together
 * @param scaled those of them whose values may be logarithmic
 * @param logarithmicSteps whether their axis of steps is logarithmic at first
 */
export function chartControls(
  language: Language,
  charts: readonly LineChart[],
  scaled: readonly LineChart[] = charts,
  logarithmicSteps = false,
): ChartControls {
  const words = language.words(texts),
    label = (name: keyof (typeof texts)["en"]) => ({ words, label: (now: (typeof texts)["en"]) => now[name] });
  const smoothing = sliderControl(
    label("smoothing"),
    real(0, 0.99),
    FIRST_SMOOTHING,
    { places: 99, show: (value) => value.toFixed(2) },
    (value) => {
      for (const chart of charts) chart.smoothing = value;
    },
  );
  const values = switchControl(label("values"), false, (on) => {
    for (const chart of scaled) chart.logarithmic = on;
  });
  const setSteps = (on: boolean) => {
    for (const chart of charts) chart.logarithmicSteps = on;
  };
  const steps = switchControl(label("steps"), logarithmicSteps, setSteps);
  setSteps(logarithmicSteps);
  return {
    host: element("div", { class: "chart-controls" }, smoothing.host, values.host, steps.host),
    dispose: () => words.dispose(),
  };
}
