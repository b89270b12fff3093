// A store of checkpoints in memory for tests: remembers every state it was in, and fails where it is told to.

import type { CheckpointStore } from "../../src/index.ts";

type Contents = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

export class MemoryStore implements CheckpointStore {
  contents: Contents;
  /** As it was after each write. */
  readonly history: Contents[] = [];
  calls = 0;

  /** @param fails what happens in place of a call: an error, or a write that is cut short and reports nothing */
  constructor(
    contents: Contents = new Map(),
    readonly fails: (call: number) => "throw" | "cut" | null = () => null,
  ) {
    this.contents = contents;
  }

  async read(name: string): Promise<Uint8Array | null> {
    if (this.fails(this.calls++) === "throw") throw new Error("the disk is gone");
    return this.contents.get(name)?.slice() ?? null;
  }

  async write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const failure = this.fails(this.calls++);
    if (failure === "throw") throw new Error("the disk is full");
    this.contents = new Map([...this.contents, [name, failure === "cut" ? bytes.slice(0, bytes.length / 2) : bytes.slice()]]);
    this.history.push(this.contents);
  }
}
