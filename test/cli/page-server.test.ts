// The server for the page: answers what it was given, under a name that cannot be guessed, and nothing else.

import { afterEach, beforeEach, expect, it } from "vitest";
import { startPageServer, type PageServer, type Served, type Taker } from "../../src/cli/page-server.ts";

let server: PageServer, posted: Uint8Array | null, saved: Uint8Array | null;
beforeEach(async () => {
  posted = saved = null;
  server = await startPageServer(
    new Map<string, Served>([
      ["", { type: "text/html", body: "<p>" }],
      ["bytes", { type: "application/x", body: Uint8Array.of(1, 0, 255) }],
      ["saved", () => Promise.resolve(saved && { type: "application/x", body: saved })],
      ["unreadable", () => Promise.reject(new Error("the disk is gone"))],
    ]),
    new Map<string, Taker>([
      [
        "result",
        (body) => {
          posted = body;
        },
      ],
      ["full", () => Promise.reject(new Error("the disk is full"))],
    ]),
  );
});
afterEach(() => server.close());

it("answers on the loopback address what it was given", async () => {
  expect(new URL(server.url).hostname).toBe("127.0.0.1");
  const bytes = await fetch(new URL("bytes", server.url));
  expect(bytes.headers.get("content-type")).toBe("application/x");
  expect([...new Uint8Array(await bytes.arrayBuffer())]).toEqual([1, 0, 255]);
  expect(await (await fetch(server.url)).text()).toBe("<p>");
});

it("takes posts to the names it accepts", async () => {
  const response = await fetch(new URL("result", server.url), { method: "POST", body: Uint8Array.of(7, 8) });
  expect(response.status).toBe(204);
  expect([...posted!]).toEqual([7, 8]);
});

it("answers anew where that is asked for, with nothing while there is nothing, and says what went wrong", async () => {
  const get = async (name: string, method = "GET") => {
    const response = await fetch(new URL(name, server.url), { method, body: method === "GET" ? undefined : "x" });
    return [response.status, await response.text()];
  };
  expect(await get("saved")).toEqual([204, ""]);
  saved = Uint8Array.of(65);
  expect(await get("saved")).toEqual([200, "A"]);
  expect(await get("unreadable")).toEqual([500, "the disk is gone"]);
  expect(await get("full", "POST")).toEqual([500, "the disk is full"]);
});

it.each([
  ["GET", "/"],
  ["GET", "/bytes"],
  ["GET", "nothing"],
  ["GET", "../package.json"],
  ["GET", "%2e%2e/package.json"],
  ["GET", "result"],
  ["POST", "bytes"],
  ["POST", "/result"],
  ["PUT", "result"],
])("knows no %s %s", async (method, path) => {
  const response = await fetch(new URL(path, server.url), { method, body: method === "GET" ? undefined : "x" });
  expect(response.status).toBe(404);
});
