// Node with the npm package `webgpu` (Dawn): a fresh process for each question. The processes run this same command.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { scriptFolder } from "./built-files.ts";
import type { ContenderInfo } from "./contenders.ts";
import { timeout, type Host } from "./host.ts";
import { ANSWER_FLAG, type ToChild } from "./node-child.ts";
import { fromText, toText, type AnyQuestion, type AnyResult } from "./protocol.ts";

type Folder = Awaited<ReturnType<typeof scriptFolder>>;

/** What a process sends back, once. */
export type FromChild = { readonly answer: string } | { readonly error: string };

export class NodeHost implements Host {
  private constructor(readonly folder: Folder) {}

  static async open(): Promise<NodeHost> {
    return new NodeHost(await scriptFolder());
  }

  refuses({ assets }: ContenderInfo): string | null {
    return assets.length === 0
      ? null
      : "its WebAssembly is fetched by URL, which Node does not do for files; --runtime chrome and firefox have it.";
  }

  async ask<R extends AnyResult>(question: AnyQuestion): Promise<R> {
    return fromText(await this.#inFreshProcess({ question: toText(question), folder: this.folder.path })) as R;
  }

  async describe(): Promise<{ adapter: string; runtime: string }> {
    const adapter = await this.#inFreshProcess({ question: null, folder: this.folder.path });
    return { adapter, runtime: `Node ${process.version} with webgpu (Dawn)` };
  }

  /** Node fetches nothing: what a page would load is measured in a page. */
  gzippedBytes(): null {
    return null;
  }

  close(): Promise<void> {
    return this.folder.remove();
  }

  async #inFreshProcess(message: ToChild): Promise<string> {
    const child = fork(fileURLToPath(import.meta.url), [ANSWER_FLAG]),
      watch = timeout();
    const answer = new Promise<string>((resolve, reject) => {
      child.on("message", (sent: FromChild) => ("answer" in sent ? resolve(sent.answer) : reject(new Error(sent.error))));
      child.on("error", reject);
      child.on("exit", (code, signal) => reject(new Error(`its process ended early (${signal ?? `exit code ${code}`})`)));
    });
    try {
      child.send(message);
      return await Promise.race([answer, watch.promise]);
    } finally {
      watch.clear();
      child.kill("SIGKILL");
    }
  }
}
