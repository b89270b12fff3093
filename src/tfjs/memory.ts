/**
 * What TensorFlow.js has for its memory and its backends. Tensors lie on the host here, so none of it frees anything.
 * @module
 */

import { environment } from "./environment.ts";

/** Calls the function. @returns what it returns */
export function tidy<T>(nameOrFunction: string | (() => T), named?: () => T): T {
  return typeof nameOrFunction === "string" ? named!() : nameOrFunction();
}
/** Returns the tensor. */
export const keep = <T>(tensor: T): T => tensor;
/** Frees nothing. */
export const dispose: (container?: unknown) => void = () => {};
export const disposeVariables = (): void => {};
/** Frees nothing, so that a program which divides by what it counted finds all of it at 0. */
export const memory = (): { numTensors: number; numDataBuffers: number; numBytes: number; unreliable: boolean } => ({
  numTensors: 0,
  numDataBuffers: 0,
  numBytes: 0,
  unreliable: true,
});
export const startScope = (): void => {};
export const endScope = (): void => {};
export const engine = () => ({ startScope, endScope, memory, tidy });
/** Calls the function and says how long it took, in milliseconds. */
export async function time(query: () => unknown): Promise<{ wallMs: number; kernelMs: number }> {
  const from = performance.now();
  await query();
  const wallMs = performance.now() - from;
  return { wallMs, kernelMs: wallMs };
}

/** Waits for the next frame of the page; without a page, for the next turn of the event loop. */
export const nextFrame = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof requestAnimationFrame === "function") requestAnimationFrame(() => resolve());
    else setTimeout(resolve);
  });

/** Resolves at once: a backend is opened when a model first trains. */
export const ready = async (): Promise<void> => {};
/**
 * Chooses where models that are compiled later train: "webgpu", "wasm", "cpu" (the float64 reference) or "auto"; "webgl" and
 * "tensorflow" stand for "auto".
 * @throws InputError on another name
 */
export async function setBackend(name: string): Promise<boolean> {
  environment.name = name;
  return true;
}
/** What setBackend() was given; "auto" before. */
export const getBackend = (): string => environment.name;
export const enableProdMode = (): void => {};
export const enableDebugMode = (): void => {};
/** Settings that TensorFlow.js has for its backends: taken, and without effect. */
export const env: () => { set(name: string, value: unknown): void; get(name: string): undefined; getBool(name: string): boolean } = () => ({
  set: () => {},
  get: () => undefined,
  getBool: () => false,
});
/** ε where TensorFlow.js reads it from its backend. */
export const backend = () => ({ epsilon: (): number => 1e-7, floatPrecision: (): 32 => 32 });
