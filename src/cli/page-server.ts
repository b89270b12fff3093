// A tiny HTTP server on the loopback address for one page. It knows a fixed list of answers; nothing in a URL ever
// becomes a path on disk, and a random first segment keeps other pages on this machine from guessing the rest.

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Answer {
  readonly type: string;
  readonly body: string | Uint8Array;
}

export interface PageServer {
  /** Of the folder of all answers, with a slash at the end. */
  readonly url: string;
  /** What the page has posted, by path. */
  readonly posted: ReadonlyMap<string, Uint8Array>;
  close(): void;
}

export const BYTES = "application/octet-stream";
/** More than any model's weights here, less than what would exhaust memory. */
const MAX_POST_BYTES = 2 ** 30;

async function bodyOf(request: IncomingMessage): Promise<Uint8Array | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_POST_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Serves `answers` by name, and takes posts to the names in `accepts`, until closed. */
export async function startPageServer(
  answers: ReadonlyMap<string, Answer>, accepts: readonly string[],
): Promise<PageServer> {
  const folder = `/${randomUUID()}/`, posted = new Map<string, Uint8Array>();
  const server: Server = createServer((request, response) => {
    const { method, url = "" } = request;
    const name = url.startsWith(folder) ? url.slice(folder.length) : null;
    const answer = name === null ? undefined : answers.get(name);
    const end = (status: number) => response.writeHead(status).end();
    if (method === "GET" && answer !== undefined) {
      response.writeHead(200, { "content-type": answer.type, "cache-control": "no-store" }).end(answer.body);
    } else if (method === "POST" && name !== null && accepts.includes(name)) {
      bodyOf(request).then((body) => {
        if (body !== null) posted.set(name, body);
        end(body === null ? 413 : 204);
      }, () => end(400));
    } else {
      end(404);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}${folder}`, posted, close };
}
