// The server for the page: answers what it was given, under a name that cannot be guessed, and nothing else.

import { afterEach, beforeEach, expect, it } from "vitest";
import { startPageServer, type Answer, type PageServer } from "../../src/cli/page-server.ts";

let server: PageServer;
beforeEach(async () => {
  server = await startPageServer(new Map<string, Answer>([
    ["", { type: "text/html", body: "<p>" }],
    ["bytes", { type: "application/x", body: Uint8Array.of(1, 0, 255) }],
  ]), ["result"]);
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
  const posted = await fetch(new URL("result", server.url), { method: "POST", body: Uint8Array.of(7, 8) });
  expect(posted.status).toBe(204);
  expect([...server.posted.get("result")!]).toEqual([7, 8]);
});

it.each([["GET", "/"], ["GET", "/bytes"], ["GET", "nothing"], ["GET", "../package.json"], ["GET", "%2e%2e/package.json"],
  ["GET", "result"], ["POST", "bytes"], ["POST", "/result"], ["PUT", "result"]])("knows no %s %s", async (method, path) => {
  const response = await fetch(new URL(path, server.url), { method, body: method === "GET" ? undefined : "x" });
  expect(response.status).toBe(404);
});
