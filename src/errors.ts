// The errors that deltaprop throws. Each message says where, what must hold, what came, and what to do.

/** Base of every error that deltaprop throws on purpose. */
export class DeltapropError extends Error {
  override name = "DeltapropError";
}

/** An argument, a declaration or a data array breaks a rule. Thrown before any GPU work; the model is unchanged. */
export class InputError extends DeltapropError {
  override name = "InputError";
}

/** A file does not hold what its format promises. Thrown before anything is allocated for its contents. */
export class FormatError extends DeltapropError {
  override name = "FormatError";
}

/** WebGPU, a device limit or a feature that the call needs is not there. */
export class UnsupportedError extends DeltapropError {
  override name = "UnsupportedError";
}

/** Training came upon numbers that are not finite. The model is as it was before the step that made the first of them. */
export class DivergenceError extends DeltapropError {
  override name = "DivergenceError";

  /**
   * @param step the step that made them, counted from 0 since compile()
   * @param lossBefore the last loss that was finite; null if there was none
   * @param tensor what went first, as the graph names it: "z1", "delta2", "grad_w1", …
   */
  constructor(
    message: string,
    readonly step: number,
    readonly lossBefore: number | null,
    readonly tensor: string,
  ) {
    super(message);
  }
}

/** The GPU refused a shader, ran out of memory, or was lost. */
export class GpuError extends DeltapropError {
  override name = "GpuError";
}

/**
 * Something does not fit the memory of the GPU: a buffer would be larger than the device allows, which is known before anything
 * is allocated, or the device itself says that it has no more. Or the host has no memory for weights or answers. Nothing of it stays allocated, and the model is as it was.
 */
export class OutOfMemoryError extends GpuError {
  override name = "OutOfMemoryError";

  constructor(
    message: string,
    /** Bytes of the buffer that is larger than `limit`; where that is null, all bytes that were asked for. */
    readonly bytesAsked: number,
    /** Bytes that one buffer may have; null where the device is full, since none tells how much it has. */
    readonly limit: number | null = null,
    /**
     * A batchSize to try: the largest that keeps to the limit; where that is null, the largest with which the step takes half
     * of the memory that it took. Null if no batchSize would help.
     */
    readonly batchSize: number | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The GPU was lost, and no other could take its place. getWeights() still gives the last weights known to be good. */
export class DeviceLostError extends GpuError {
  override name = "DeviceLostError";
}
