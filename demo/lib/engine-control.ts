// "Runs on": the choice of an engine, the names of the engines in both languages, and what the page says where one is missing.

import { selectControl, type SelectControl } from "./controls.ts";
import { ENGINES, type Engine, type EngineInfo } from "./engines.ts";
import { defineTexts, type Language, type Words } from "./i18n.ts";
import { oneOf } from "./share.ts";

export const ENGINE_TEXTS = defineTexts(
  {
    device: "Runs on",
    webgpu: "WebGPU",
    wasm: "WebAssembly",
    cpu: "CPU (float64)",
    context: "WebGPU works in secure contexts only, and this page came over plain http. Open it by https, or from localhost.",
    api: "This browser has no WebGPU. Chrome and Edge have it from version 113, Firefox from 141 (Windows) and 145 (macOS), and Safari from 26.",
    adapter:
      "This browser has WebGPU but offers no GPU to it: hardware acceleration is off, the driver is on the browser's blocklist, or the machine has no GPU. In Chrome and Edge, chrome://gpu names the cause.",
    onWasm: "The network trains on WebAssembly, on the CPU; its results are the same within rounding.",
    onCpu:
      "WebAssembly with SIMD is missing as well, so the network trains on the float64 reference, far slower. WebAssembly needs a Content-Security-Policy with 'wasm-unsafe-eval'.",
    join: " ",
  },
  {
    device: "运行设备",
    webgpu: "WebGPU",
    wasm: "WebAssembly",
    cpu: "CPU（float64）",
    context: "WebGPU 只能用于安全上下文，而本页经由普通 http 打开。请改用 https 或 localhost 打开。",
    api: "此浏览器不支持 WebGPU。支持的浏览器：Chrome 和 Edge 113 起，Firefox 141 起（Windows）、145 起（macOS），Safari 26 起。",
    adapter:
      "此浏览器支持 WebGPU，但没有可用的 GPU：硬件加速已关闭，驱动在浏览器的禁用名单中，或者这台机器没有 GPU。在 Chrome 和 Edge 中，chrome://gpu 会说明原因。",
    onWasm: "网络改用 WebAssembly 在 CPU 上训练，结果在舍入误差内相同。",
    onCpu: "带 SIMD 的 WebAssembly 也不可用，网络改用 float64 参考实现训练，慢得多。WebAssembly 需要内容安全策略中有 'wasm-unsafe-eval'。",
    join: "",
  },
);

/** The best that there is, or the one that the visitor chose. */
export const ENGINE_CHOICE = oneOf(["auto", ...ENGINES]);
export type EngineChoice = "auto" | Engine;

type EngineWords = (typeof ENGINE_TEXTS)["en"];

export class EngineControl {
  readonly host: HTMLElement;
  readonly #words: Words<EngineWords>;
  readonly #control: SelectControl<Engine>;
  #choice: EngineChoice = "auto";
  #known = false;

  /** @param onChange called when the visitor chooses another engine */
  constructor(language: Language, first: EngineChoice, onChange: () => void) {
    this.#words = language.words(ENGINE_TEXTS);
    this.#control = selectControl<Engine, EngineWords>(
      { words: this.#words, label: ({ device }) => device },
      ENGINES.map((value) => ({ value, label: (now) => now[value] })),
      "webgpu",
      (engine) => {
        this.#choice = engine;
        onChange();
      },
    );
    this.host = this.#control.host;
    this.choice = first;
  }

  get value(): Engine {
    return this.#control.value;
  }

  /** What the visitor chose, whether there is such an engine or not. */
  get choice(): EngineChoice {
    return this.#choice;
  }

  set choice(choice: EngineChoice) {
    this.#choice = choice;
    this.#control.value = choice === "auto" ? "webgpu" : choice;
  }

  set value(engine: Engine) {
    this.#control.value = engine;
  }

  /**
   * Offers the engines that there are, and shows the one that the network runs on.
   * @returns what to tell the visitor: once, where WebGPU is missing, and why it is
   */
  take({ engines, backend, noGpu }: EngineInfo): (() => string) | null {
    this.#control.allow(engines);
    this.#control.value = backend;
    if (this.#known || noGpu === null) return null;
    this.#known = true;
    const words = this.#words;
    return () => words.now[noGpu] + words.now.join + (engines.includes("wasm") ? words.now.onWasm : words.now.onCpu);
  }

  dispose(): void {
    this.#words.dispose();
  }
}
