// Which process holds something, written down so that another one can tell whether it is still there.

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

export interface Holder {
  readonly pid: number;
  /** When it started, as the system says it: an id is given to another process later. Null where the system does not say. */
  readonly start: string | null;
  readonly host: string;
  /** Of no other holder. */
  readonly nonce: string;
}

/** Ticks since the computer started, and which start that was; "ended" for a process that only waits for its parent. */
function startOnLinux(pid: number): string | null {
  const words = readFileSync(`/proc/${pid}/stat`, "latin1"),
    boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  // The name comes second, in parentheses, and may hold anything.
  const [state, ...rest] = words.slice(words.lastIndexOf(")") + 2).split(" ");
  return state === "Z" || state === "X" ? "ended" : `${boot} ${rest[18]}`;
}

function startOf(pid: number): string | null {
  try {
    if (process.platform === "linux") return startOnLinux(pid);
    if (process.platform === "win32") return null;
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { env, encoding: "latin1", timeout: 5000 }).trim() || null;
  } catch {
    return null;
  }
}

export const thisProcess = (): Holder => ({ pid: process.pid, start: startOf(process.pid), host: hostname(), nonce: randomUUID() });

/** False where it cannot be told: of another computer's process, or one that the system hides. */
export function hasEnded({ pid, start, host }: Holder): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: string }).code === "ESRCH") return true;
  }
  const now = startOf(pid);
  return now === "ended" || (start !== null && now !== null && now !== start);
}

const MAX_PID = 2 ** 31 - 1;
const NONCE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const isNonce = (text: string): boolean => NONCE.test(text);

export const formatHolder = ({ pid, start, host, nonce }: Holder): string => `${JSON.stringify({ pid, start, host, nonce })}\n`;

/** Null if it is none: the text may be anybody's, and its parts are shown and become names. */
export function parseHolder(text: string): Holder | null {
  try {
    const { pid, start, host, nonce } = JSON.parse(text) as Record<keyof Holder, unknown>;
    const isPlain = (value: unknown): value is string => typeof value === "string" && !/\p{Cc}/u.test(value);
    if (!Number.isInteger(pid) || !((pid as number) > 0 && (pid as number) <= MAX_PID)) return null;
    if (!isPlain(host) || !isPlain(nonce) || !isNonce(nonce) || !(start === null || isPlain(start))) return null;
    return { pid: pid as number, start, host, nonce };
  } catch {
    return null;
  }
}
