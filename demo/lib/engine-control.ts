// "Runs on": the choice of an engine, the names of the engines in both languages, and what the page says where one is missing.

import { selectControl, type SelectControl } from "./controls.ts";
import { ENGINES, type Engine, type EngineInfo } from "./engines.ts";
import { defineTexts, type Language, type Words } from "./i18n.ts";

export const ENGINE_TEXTS = defineTexts({
  device: "Runs on",
  webgpu: "WebGPU", wasm: "WebAssembly", cpu: "CPU (float64)",
  noGpu: "This browser offers no WebGPU, so the network trains on WebAssembly, on the CPU; its results are the same within rounding. WebGPU is in Chrome and Edge from version 113, in Firefox from 141 (Windows) and 145 (macOS), and in Safari from 26.",
  onlyCpu: "This browser offers neither WebGPU nor WebAssembly with SIMD to this page, so the network trains on the float64 reference, far slower. WebGPU is in Chrome and Edge from version 113, in Firefox from 141 (Windows) and 145 (macOS), and in Safari from 26. WebAssembly also needs a Content-Security-Policy with 'wasm-unsafe-eval'.",
}, {
  device: "运行设备",
  webgpu: "WebGPU", wasm: "WebAssembly", cpu: "CPU(float64)",
  noGpu: "此浏览器不提供 WebGPU,网络改用 WebAssembly 在 CPU 上训练,结果在舍入误差内相同。支持 WebGPU 的浏览器:Chrome 和 Edge 113 起,Firefox 141 起(Windows)、145 起(macOS),Safari 26 起。",
  onlyCpu: "此浏览器既不向本页提供 WebGPU,也不提供带 SIMD 的 WebAssembly,网络改用 float64 参考实现训练,慢得多。支持 WebGPU 的浏览器:Chrome 和 Edge 113 起,Firefox 141 起(Windows)、145 起(macOS),Safari 26 起。WebAssembly 还需要内容安全策略中有 'wasm-unsafe-eval'。",
});

type EngineWords = (typeof ENGINE_TEXTS)["en"];

export class EngineControl {
  readonly host: HTMLElement;
  readonly #words: Words<EngineWords>;
  readonly #control: SelectControl<Engine>;
  #known = false;

  /** @param onChange called when the visitor chooses another engine */
  constructor(language: Language, onChange: () => void) {
    this.#words = language.words(ENGINE_TEXTS);
    this.#control = selectControl<Engine, EngineWords>({ words: this.#words, label: ({ device }) => device },
      ENGINES.map((value) => ({ value, label: (now) => now[value] })), "webgpu", onChange);
    this.host = this.#control.host;
  }

  get value(): Engine {
    return this.#control.value;
  }

  set value(engine: Engine) {
    this.#control.value = engine;
  }

  /**
   * Offers the engines that there are, and shows the one that the network runs on.
   * @returns what to tell the visitor: once, where WebGPU is missing
   */
  take({ engines, backend }: EngineInfo): string | null {
    this.#control.allow(engines);
    this.#control.value = backend;
    if (this.#known || engines.includes("webgpu")) return null;
    this.#known = true;
    const { noGpu, onlyCpu } = this.#words.now;
    return engines.includes("wasm") ? noGpu : onlyCpu;
  }

  dispose(): void {
    this.#words.dispose();
  }
}
