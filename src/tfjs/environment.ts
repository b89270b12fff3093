// What programs set once for all of TensorFlow.js: the backend's name; and what tf.memory() counts. TensorFlow.js has one environment per
// page, so this is the one place of the library with state of a module's own.

import { InputError, type BackendKind } from "../index.ts";

/** Names that tf.setBackend() takes, with what models are then compiled for. */
const BACKENDS: Readonly<Record<string, "auto" | BackendKind>> = {
  auto: "auto",
  webgpu: "webgpu",
  webgl: "auto",
  wasm: "wasm",
  tensorflow: "auto",
  cpu: "cpu",
};

class Environment {
  #name = "auto";
  readonly #warned = new Set<string>();

  /** As tf.setBackend() was given it; "auto" before. */
  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    if (!Object.hasOwn(BACKENDS, name)) {
      throw new InputError(`setBackend(): the backend must be one of ${Object.keys(BACKENDS).join(", ")}; got ${JSON.stringify(name)}.`);
    }
    this.#name = name;
  }

  /** What compile() of deltaprop takes. */
  get backend(): "auto" | BackendKind {
    return BACKENDS[this.#name];
  }

  /** Prints a line on the console, the first time that it is asked to. */
  warnOnce(line: string): void {
    if (this.#warned.has(line)) return;
    this.#warned.add(line);
    console.warn(`deltaprop/tfjs: ${line}`);
  }
}

export const environment = new Environment();
