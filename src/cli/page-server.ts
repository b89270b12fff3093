// A tiny HTTP server on the loopback address for one page. It knows a fixed list of names; nothing in a URL ever
// becomes a path on disk, and a random first segment keeps other pages on this machine from guessing the rest.

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ServedFile {
  readonly type: string;
  readonly body: string | Uint8Array;
}

/** An answer, or what makes it anew for each request; null for "there is none yet". */
export type Served = ServedFile | (() => Promise<ServedFile | null>);

/** Takes what the page has posted. What it throws goes to the page in words. */
export type Taker = (body: Uint8Array<ArrayBuffer>) => void | Promise<void>;

export interface PageServer {
  /** Of the folder of all answers, with a slash at the end. */
  readonly url: string;
  close(): void;
}

export const BYTES = "application/octet-stream";
/** More than any model's weights here, less than what would exhaust memory. */
const MAX_POST_BYTES = 2 ** 30;

async function bodyOf(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_POST_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function give(source: Served, response: ServerResponse): Promise<void> {
  const answer = typeof source === "function" ? await source() : source;
  if (answer === null) response.writeHead(204).end();
  else response.writeHead(200, { "content-type": answer.type, "cache-control": "no-store" }).end(answer.body);
}

async function take(taker: Taker, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  if (body !== null) await taker(body);
  response.writeHead(body === null ? 413 : 204).end();
}

/** Serves `answers` by name, and gives posts to those in `takers`, until closed. */
export async function startPageServer(
  answers: ReadonlyMap<string, Served>,
  takers: ReadonlyMap<string, Taker> = new Map(),
): Promise<PageServer> {
  const folder = `/${randomUUID()}/`;
  const server: Server = createServer((request, response) => {
    const { method, url = "" } = request;
    const name = url.startsWith(folder) ? url.slice(folder.length) : null;
    const source = name === null || method !== "GET" ? undefined : answers.get(name);
    const taker = name === null || method !== "POST" ? undefined : takers.get(name);
    const fail = (error: unknown) => {
      response.writeHead(500).end(error instanceof Error ? error.message : String(error));
    };
    if (source !== undefined) give(source, response).catch(fail);
    else if (taker !== undefined) take(taker, request, response).catch(fail);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}${folder}`, close };
}
