// The report of `npm run test:hosts` as text: one line a host, then what failed and what was skipped, and why. Pure.

import type { HostName } from "./hosts.ts";
import { reasonsFor, type Outcome } from "./outcome.ts";

/** How far a host came. */
export type HostReport = { readonly host: HostName; readonly seconds: number } &
  /** It is not there, or does not start: `says` why. No test of it counts as passed. */
  (
    | { readonly state: "not run"; readonly says: string }
    /** It started, but its tests did not come to an end. */
    | { readonly state: "broken off"; readonly says: string; readonly version: string; readonly adapter: string }
    | { readonly state: "ran"; readonly outcome: Outcome; readonly version: string; readonly adapter: string }
  );

/** A host that was to run and did, without a failure; one without any test proves nothing. */
export const isGood = (report: HostReport): boolean =>
  report.state === "ran" && report.outcome.failed.length === 0 && report.outcome.passed > 0;

/** What the command ends with. @param all whether a host that cannot be started is a failure */
export const exitCode = (reports: readonly HostReport[], all: boolean): number =>
  reports.some((report) => !isGood(report) && (all || report.state !== "not run")) || !reports.some(isGood) ? 1 : 0;

const HEAD = ["host", "passed", "failed", "skipped", "seconds", "version", "adapter"];

function cells(report: HostReport): string[] {
  if (report.state === "not run") return [report.host, `not run: ${report.says}`];
  const { host, seconds, version, adapter } = report;
  if (report.state === "broken off") return [host, `broken off after ${seconds.toFixed(0)} s: ${report.says} (${version}, ${adapter})`];
  const { passed, failed, skipped } = report.outcome;
  return [host, ...[passed, failed.length, skipped.length].map((n) => n.toLocaleString("en")), seconds.toFixed(0), version, adapter];
}

/** Columns as wide as their widest cell; a line that says why there are no numbers runs on freely. */
export function table(rows: readonly (readonly string[])[]): string {
  const whole = rows.filter(({ length }) => length > 2);
  const widths = HEAD.map((_, i) =>
    Math.max(0, ...whole.map((row) => (row[i] ?? "").length), ...(i === 0 ? rows.map(([name]) => name.length) : [])),
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function reportText(reports: readonly HostReport[]): string {
  const lines = [table([HEAD, ...reports.map(cells)])];
  for (const report of reports) {
    if (report.state !== "ran") continue;
    for (const name of report.outcome.failed) lines.push(`${report.host} failed: ${name}`);
    for (const [note, tests] of reasonsFor(report.outcome.skipped)) lines.push(`${report.host} skipped ${tests}: ${note}`);
  }
  const ran = reports.filter(({ state }) => state === "ran").map(({ host }) => host);
  const other = reports.filter(({ state }) => state !== "ran").map(({ host }) => host);
  lines.push(`Ran in: ${ran.join(", ") || "none"}.${other.length > 0 ? ` Did not run in: ${other.join(", ")}.` : ""}`);
  return lines.join("\n");
}
