// One use of a database of the page: what is written counts only when its transaction is complete, and whatever happens
// the database is closed.
// Node has no IndexedDB, so a test tells each event when to come. A real one is used by test/gpu/choice-store.test.ts and
// test/train/reload.test.ts, in browsers.

import { afterEach, describe, expect, it, vi } from "vitest";
import { useTable } from "../../src/storage/database.ts";

type Listener = (() => void) | null;

/** A request whose events the test sends. */
class Request {
  result: unknown = undefined;
  error: Error | null = null;
  onsuccess: Listener = null;
  onerror: Listener = null;
  onupgradeneeded: Listener = null;

  succeed(result: unknown): void {
    this.result = result;
    this.onsuccess?.();
  }

  fail(error: Error | null): void {
    this.error = error;
    this.onerror?.();
  }
}

class Transaction {
  error: Error | null = null;
  oncomplete: Listener = null;
  onabort: Listener = null;
  readonly objectStore = vi.fn((name: string) => `table ${name}`);
}

function script() {
  const opening = new Request(),
    asked = new Request(),
    transaction = new Transaction();
  const database = { close: vi.fn(), createObjectStore: vi.fn(), transaction: vi.fn(() => transaction) };
  const open = vi.fn(() => opening);
  vi.stubGlobal("indexedDB", { open });
  const work = vi.fn<(table: unknown) => IDBRequest<unknown>>(() => asked as unknown as IDBRequest<unknown>);
  let outcome = "pending";
  const used = useTable<unknown>("name", "entries", "readwrite", work).then(
    (value) => (outcome = `resolved with ${String(value)}`),
    (error: Error) => (outcome = `rejected with ${error.message}`),
  );
  /** What has come of it when all that can run has run. */
  const outcomeNow = async (): Promise<string> => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    return outcome;
  };
  return { opening, asked, transaction, database, open, work, used, outcomeNow };
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("useTable()", () => {
  it("resolves with the answer, but not before the transaction is complete; then the database is closed", async () => {
    const { opening, asked, transaction, database, open, work, outcomeNow } = script();
    expect(open).toHaveBeenCalledWith("name", 1);
    opening.succeed(database);
    await outcomeNow();
    expect(database.transaction).toHaveBeenCalledWith("entries", "readwrite");
    expect(work).toHaveBeenCalledWith("table entries");
    asked.succeed("a value");
    expect(await outcomeNow()).toBe("pending");
    expect(database.close).not.toHaveBeenCalled();
    transaction.oncomplete?.();
    expect(await outcomeNow()).toBe("resolved with a value");
    expect(database.close).toHaveBeenCalledOnce();
  });

  it("makes the table when the database is new, and only then", async () => {
    const { opening, database, outcomeNow } = script();
    opening.result = database;
    opening.onupgradeneeded?.();
    expect(database.createObjectStore.mock.calls).toEqual([["entries"]]);
    opening.succeed(database);
    await outcomeNow();
    expect(database.createObjectStore).toHaveBeenCalledOnce();
    // Control: one that is there already asks for none.
    const known = script();
    known.opening.succeed(known.database);
    await known.outcomeNow();
    expect(known.database.createObjectStore).not.toHaveBeenCalled();
  });

  it.each([
    ["what IndexedDB says", new Error("a private window"), "rejected with a private window"],
    ["a word of its own where that says nothing", null, "rejected with IndexedDB"],
  ])("rejects with %s if the database does not open, and asks for nothing", async (_, error, expected) => {
    const { opening, work, outcomeNow } = script();
    opening.fail(error);
    expect(await outcomeNow()).toBe(expected);
    expect(work).not.toHaveBeenCalled();
  });

  it("rejects once if the request fails, whose transaction is then undone, and closes the database", async () => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const { opening, asked, transaction, database, outcomeNow } = script();
    opening.succeed(database);
    await outcomeNow();
    asked.fail(new Error("no such key"));
    expect(await outcomeNow()).toBe("rejected with no such key");
    transaction.error = asked.error;
    transaction.onabort?.();
    expect(await outcomeNow()).toBe("rejected with no such key");
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(database.close).toHaveBeenCalledOnce();
  });

  it("rejects if the transaction is undone after the request has succeeded, as where the disk is full", async () => {
    for (const [error, expected] of [
      [new Error("no room"), "rejected with no room"],
      [null, "rejected with IndexedDB"],
    ] as const) {
      const { opening, asked, transaction, database, outcomeNow } = script();
      opening.succeed(database);
      await outcomeNow();
      asked.succeed("key");
      transaction.error = error;
      transaction.onabort?.();
      expect(await outcomeNow()).toBe(expected);
      expect(database.close).toHaveBeenCalledOnce();
    }
  });

  it("closes the database if the table is not there, or the work throws", async () => {
    for (const when of ["transaction", "work"] as const) {
      const { opening, database, work, outcomeNow } = script();
      const fail = (): never => {
        throw new Error(`${when} throws`);
      };
      if (when === "work") work.mockImplementation(fail);
      else database.transaction.mockImplementation(fail);
      opening.succeed(database);
      expect(await outcomeNow()).toBe(`rejected with ${when} throws`);
      expect(database.close).toHaveBeenCalledOnce();
    }
  });
});
