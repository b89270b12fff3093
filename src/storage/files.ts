// Files of this host, read and replaced so that what somebody has planted there does no harm: only regular files are read, their
// size is looked at first, and a file is replaced by renaming a draft that nobody could have put there before.

import { InputError } from "../errors.ts";
import type { nodeModules } from "./node.ts";

type NodeModules = NonNullable<ReturnType<typeof nodeModules>>;

export interface ReadLimits {
  /** Larger files are refused before anything is read. */
  readonly maxBytes: number;
  /** Whether `path` may be a symbolic link; its folders may always be. Default true. */
  readonly followLinks?: boolean;
}

/** Ends of the names of drafts, with the random part in between. */
const DRAFT = /^\.?(.+)\.[0-9a-f]{8}-[0-9a-f-]{27}\.part$/;
/** Drafts of earlier versions: the id of the process in place of the random part. */
const OLD_DRAFT = /^(.+)\.\d+\.part$/;

/** The name that a draft was to get, or null if `name` is no draft's. */
export const nameOfDraft = (name: string): string | null => DRAFT.exec(name)?.[1] ?? OLD_DRAFT.exec(name)?.[1] ?? null;

type Kinds = Pick<Awaited<ReturnType<NodeModules["fs"]["lstat"]>>, "isFile" | "isDirectory" | "isFIFO" | "isSymbolicLink">;

function kindOf(found: Kinds): string {
  if (found.isSymbolicLink()) return "a symbolic link";
  if (found.isDirectory()) return "a folder";
  return found.isFIFO() ? "a pipe" : "a device or a socket";
}

function checkFile(path: string, found: Kinds & { readonly size: number | bigint }, maxBytes: number): void {
  if (!found.isFile()) throw new InputError(`${path} must be a regular file and is ${kindOf(found)}. Name a file, or remove it.`);
  if (found.size > maxBytes) {
    throw new InputError(
      `${path} must have at most ${maxBytes.toLocaleString("en-US")} bytes; it has ` +
        `${found.size.toLocaleString("en-US")}. Name another file, or remove it.`,
    );
  }
}

/**
 * The bytes of a regular file, as many as it has when it is opened.
 * @throws InputError if it is something else or too large; the file system's error (with its `code`) if it cannot be opened
 */
export async function readRegularFile(
  { fs }: NodeModules,
  path: string,
  { maxBytes, followLinks = true }: ReadLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  // Before it is opened: opening a device can have effects. Once more afterwards: it may have been exchanged.
  checkFile(path, await (followLinks ? fs.stat(path) : fs.lstat(path)), maxBytes);
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants;
  const file = await fs.open(path, O_RDONLY | O_NONBLOCK | (followLinks ? 0 : O_NOFOLLOW));
  try {
    const found = await file.stat();
    checkFile(path, found, maxBytes);
    const bytes = new Uint8Array(found.size);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return at === bytes.length ? bytes : bytes.slice(0, at);
  } finally {
    await file.close();
  }
}

/** Creates a file that must not be there, not even as a link. @throws the file system's error, EEXIST if it is there */
export async function createFile({ fs }: NodeModules, path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = fs.constants;
  const file = await fs.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  try {
    await file.writeFile(bytes);
    // On the disk before a name says so.
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Puts a file with these bytes in place of whatever has the name: after a crash there is the old file or the new one, never half of
 * one. A symbolic link of that name is replaced, not followed.
 * @throws the file system's error
 */
export async function replaceFile(node: NodeModules, path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  const draft = `${path}.${crypto.randomUUID()}.part`;
  try {
    await createFile(node, draft, bytes, mode);
    await node.fs.rename(draft, path);
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") await node.fs.rm(draft, { force: true }).catch(() => {});
    throw error;
  }
}
