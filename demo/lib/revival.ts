// After the GPU was lost several times in a row the library gives up on a model until it is compiled again. This compiles it before the
// next use. For the trainers of rooms, in their workers.

import { isLostGpu } from "./notices.ts";

export class Revival {
  #lost = false;

  /** @param compile compiles the networks of a trainer again; they keep their last good weights */
  constructor(readonly compile: () => Promise<void>) {}

  /** @throws what `work` throws; DeviceLostError if there still is no GPU */
  async around<T>(work: () => Promise<T>): Promise<T> {
    try {
      if (this.#lost) await this.compile();
      this.#lost = false;
      return await work();
    } catch (error) {
      this.#lost = isLostGpu(error);
      throw error;
    }
  }
}
