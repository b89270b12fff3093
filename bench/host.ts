// Where questions are asked: a fresh page of a browser, or a fresh process of Node, for each.

import { gzipSync } from "node:zlib";
import type { AnyQuestion, AnyResult } from "./protocol.ts";
import type { Asked } from "./run.ts";

export interface Host extends Asked {
  /** A result is of its question's kind. */
  ask<R extends AnyResult>(question: AnyQuestion): Promise<R>;
  describe(): Promise<{ adapter: string; runtime: string }>;
  close(): Promise<void>;
}

/** Of one question: slow contenders take a minute, stuck ones for ever. */
export const ANSWER_TIMEOUT_MILLIS = 180_000;

/** Rejects when the time is over, unless cleared. */
export function timeout(): { promise: Promise<never>; fail(error: Error): void; clear(): void } {
  let timer: NodeJS.Timeout | undefined, fail!: (error: Error) => void;
  const promise = new Promise<never>((_, reject) => {
    fail = reject;
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_TIMEOUT_MILLIS / 1000} s`)), ANSWER_TIMEOUT_MILLIS);
  });
  promise.catch(() => {});
  return { promise, fail, clear: () => clearTimeout(timer) };
}

/** Of all these files, each compressed by itself as a web server would. */
export function gzippedBytes(names: readonly string[], body: (name: string) => string | Uint8Array | undefined): number {
  return [...new Set(names)].reduce((sum, name) => {
    const bytes = body(name);
    return sum + (bytes === undefined ? 0 : gzipSync(bytes, { level: 9 }).length);
  }, 0);
}
