// Where the networks of a room's worker run: on a GPU that they share, as WebAssembly, or in the float64 reference.

import { dense, sequential, UnsupportedError, type CompileOptions } from "../../src/index.ts";
import { ENGINES, type Engine, type GpuAbsence } from "./engines.ts";
import { SharedDevice } from "./shared-device.ts";

export interface Place {
  readonly engine: Engine;
  /** For compile(). */
  readonly options: Pick<CompileOptions, "backend" | "device">;
  /** Takes its GPU away; does nothing elsewhere. */
  lose(): void;
  /** How often its GPU was lost so far. */
  readonly losses: number;
}

/** Whether the browser has WebAssembly with SIMD, and the page's policy lets it compile a module. */
async function hasWasm(): Promise<boolean> {
  const probe = sequential({ layers: [dense({ units: 1, inputShape: [1] })] });
  try {
    await probe.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "wasm" });
    return true;
  } catch (error) {
    if (error instanceof UnsupportedError) return false;
    throw error;
  } finally {
    probe.dispose();
  }
}

export class Places {
  readonly engines: readonly Engine[];

  private constructor(
    readonly byEngine: ReadonlyMap<Engine, Place>,
    readonly noGpu: GpuAbsence | null,
  ) {
    this.engines = ENGINES.filter((engine) => byEngine.has(engine));
  }

  /** Looks for a GPU and for WebAssembly. */
  static async look(): Promise<Places> {
    const [found, wasm] = await Promise.all([SharedDevice.find(), hasWasm()]),
      places: Place[] = [];
    if (found instanceof SharedDevice)
      places.push({
        engine: "webgpu",
        options: { backend: "webgpu", device: found.open },
        lose: () => found.lose(),
        get losses() {
          return found.losses;
        },
      });
    if (wasm) places.push({ engine: "wasm", options: { backend: "wasm" }, lose: () => {}, losses: 0 });
    places.push({ engine: "cpu", options: { backend: "cpu" }, lose: () => {}, losses: 0 });
    return new Places(new Map(places.map((place) => [place.engine, place])), found instanceof SharedDevice ? null : found);
  }

  /** The place of this engine, or of the next one in the order of ENGINES that there is. */
  find(wanted: Engine): Place {
    const engine = ENGINES.slice(ENGINES.indexOf(wanted)).find((one) => this.byEngine.has(one)) ?? "cpu";
    return this.byEngine.get(engine)!;
  }
}
