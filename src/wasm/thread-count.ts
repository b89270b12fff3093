// How many threads an engine may have here.

/** More threads than these wait for one another longer than they compute. */
export const MAX_THREADS = 8;

/** A module of Node, where the host has it. */
export const builtin = <T>(name: string): T | undefined =>
  (globalThis as { process?: { getBuiltinModule?: (name: string) => T | undefined } }).process?.getBuiltinModule?.(name);

/** Threads that are worth having here: 1 where memory cannot be shared, as in pages that are not cross-origin isolated. */
export function availableThreads(): number {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (typeof SharedArrayBuffer === "undefined" || crossOriginIsolated === false) return 1;
  const node = builtin<{ availableParallelism(): number }>("node:os");
  if (typeof Worker === "undefined" && !builtin("node:worker_threads")) return 1;
  const cores = typeof navigator === "undefined" ? undefined : navigator.hardwareConcurrency;
  return Math.max(1, Math.min(MAX_THREADS, cores ?? node?.availableParallelism() ?? 1));
}
