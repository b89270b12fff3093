// The report as Markdown, ready for docs/performance.md. Pure.

import { spreadOf } from "../statistics.ts";
import { rowsOf, type AgreementRow, type CampaignReport, type PartReport, type RateRow } from "./rows.ts";

const digits = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3));
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

function adapter(part: PartReport): string[] {
  return rowsOf(part, "adapter").flatMap((row) => [
    `${row.adapter}; plans for "${row.plansFor}". ${row.runtime}.`,
    `Features: ${row.features.join(", ")}.`,
    table(
      ["limit", "value"],
      Object.entries(row.limits).map(([name, value]) => [name, String(value)]),
    ),
  ]);
}

function tests(part: PartReport): string[] {
  const rows = rowsOf(part, "test"),
    count = (of: "failed" | "notRun") => rows.reduce((sum, row) => sum + row[of].length, 0);
  const failed = part.tasks.flatMap(({ name, rows: own }) =>
    own.flatMap((row) => (row.kind === "test" ? row.failed.map((test) => [name, test.name, test.error.split("\n")[0]]) : [])),
  );
  const notRun = new Map<string, number>();
  for (const { reason } of rows.flatMap((row) => row.notRun)) notRun.set(reason, (notRun.get(reason) ?? 0) + 1);
  return [
    `${rows.reduce((sum, { passed }) => sum + passed, 0)} passed, ` +
      `${count("failed")} failed, ${count("notRun")} not run, in ${rows.length} of ${part.tasks.length} files.`,
    ...(failed.length > 0 ? [table(["file", "test that failed", "says"], failed)] : []),
    ...(notRun.size > 0
      ? [
          table(
            ["not run, because", "tests"],
            [...notRun].map(([reason, number]) => [reason, String(number)]),
          ),
        ]
      : []),
  ];
}

function roofline(part: PartReport): string[] {
  const last = rowsOf(part, "roofline").at(-1)?.result;
  if (!last) return [];
  const { ceilings, method, plans } = last,
    giga = (value: number) => digits(value / 1e9);
  return [
    `Timed by ${method}.`,
    table(
      ["what", "reached", "by"],
      [
        ["multiply-adds", `${giga(ceilings.flopsPerSecond)} GFLOP/s`, ceilings.flopsBy],
        ["copy", `${giga(ceilings.bytesPerSecond)} GB/s`, ceilings.bytesBy],
        ["largest copy", `${giga(ceilings.largestBytesPerSecond)} GB/s`, `${ceilings.largestBytes / 2 ** 20} MiB`],
        ["dependent dispatch", `${digits(ceilings.dispatchMicros)} µs`, ""],
        ["submit", `${digits(ceilings.submitMicros)} µs`, ""],
        ["submit, and its result read back", `${digits(ceilings.readbackMicros)} µs`, ""],
      ],
    ),
    ...(plans.length === 0
      ? []
      : [
          table(
            ["workload", "launch", "µs", "GFLOP/s", "GB/s"],
            plans.flatMap(({ workload, kernels }) =>
              kernels.map(({ label, micros, flops, bytes }) => [
                workload,
                label,
                digits(micros),
                flops > 0 && micros > 0 ? digits(flops / micros / 1e3) : "–",
                micros > 0 ? digits(bytes / micros / 1e3) : "–",
              ]),
            ),
          ),
        ]),
  ];
}

interface Line {
  readonly workload: string;
  readonly contender: string;
  readonly agreement: AgreementRow;
  readonly rates: readonly RateRow[];
}

/** Rounds in turn count; where time ran out before the first, the one that came before them does. */
function linesOf(part: PartReport): Line[] {
  const rates = rowsOf(part, "rate");
  return rowsOf(part, "agreement").map((agreement) => {
    const own = rates.filter(({ workload, contender }) => workload === agreement.workload && contender === agreement.contender);
    const inTurn = own.filter(({ round }) => round > 0);
    return { workload: agreement.workload, contender: agreement.contender, agreement, rates: inTurn.length > 0 ? inTurn : own };
  });
}

const medianOf = ({ rates }: Line): number | null => (rates.length > 0 ? spreadOf(rates.map(({ perSecond }) => perSecond)).median : null);

const difference = ({ status, difference: value, says }: AgreementRow): string =>
  status !== "agrees" ? `${status}: ${says}` : value === null || Number.isNaN(value) ? says : value.toExponential(1);

/** @param first says against which line of a workload the others are set */
function rates(lines: readonly Line[], ours: (workload: string) => number | null): string[] {
  if (lines.length === 0) return [];
  const head = ["workload", "contender", "a second [range]", "GFLOP/s", "first / this", "rounds", "from the reference"];
  return [
    table(
      head,
      lines.map((line) => {
        const { workload, contender, agreement, rates: own } = line,
          median = medianOf(line),
          base = ours(workload);
        if (median === null) return [workload, contender, "–", "–", "–", "0", difference(agreement)];
        const { min, max } = spreadOf(own.map(({ perSecond }) => perSecond)),
          [{ flops, round }] = own;
        return [
          workload,
          contender,
          `${digits(median)} [${digits(min)}–${digits(max)}]`,
          flops === null ? "–" : digits((flops * median) / 1e9),
          base === null ? "–" : digits(base / median),
          round === 0 ? "not in turn" : String(own.length),
          difference(agreement),
        ];
      }),
    ),
  ];
}

function inTurn(part: PartReport): string[] {
  const lines = linesOf(part),
    first = (workload: string) => lines.find((line) => line.workload === workload && line.rates.length > 0);
  return rates(lines, (workload) => {
    const line = first(workload);
    return line ? medianOf(line) : null;
  });
}

function candidates(part: PartReport): string[] {
  const all = rowsOf(part, "candidate"),
    keys = [...new Set(all.map(({ workload, site }) => `${workload}\n${site}`))];
  if (all.length === 0) return [];
  const head = ["workload", "launch", "the model's cut", "µs", "the fastest cut", "µs", "model / fastest", "cuts timed"];
  return [
    table(
      head,
      keys.map((key) => {
        const own = all.filter(({ workload, site }) => `${workload}\n${site}` === key),
          model = own.find(({ isModels }) => isModels);
        const timed = own.filter((one) => one.micros !== null);
        const best = timed.length > 0 ? timed.reduce((a, b) => (b.micros! < a.micros! ? b : a)) : null;
        const micros = (value: number | null | undefined) => (value === null || value === undefined ? "–" : digits(value));
        const ratio = best !== null && typeof model?.micros === "number" && best.micros! > 0 ? digits(model.micros / best.micros!) : "–";
        return [
          own[0].workload,
          own[0].launch,
          model?.shape ?? "–",
          micros(model?.micros),
          best?.shape ?? "–",
          micros(best?.micros),
          ratio,
          `${timed.length} of ${own.length}`,
        ];
      }),
    ),
  ];
}

/** Beside deltaprop's rates of the same run: another process, so not in turn with it. */
function pytorch(part: PartReport, report: CampaignReport): string[] {
  const [who] = rowsOf(part, "pytorch"),
    workloads = report.parts.find(({ name }) => name === "workloads");
  const ours = workloads ? linesOf(workloads).filter(({ contender }) => contender === "deltaprop") : [];
  const rate = (workload: string) => {
    const line = ours.find((one) => one.workload === workload);
    return line ? medianOf(line) : null;
  };
  return [
    ...(who
      ? [
          `PyTorch ${who.version} on ${who.device}, float32 without TF32. ` +
            `"first / this" is deltaprop of this run (a process of its own) over PyTorch.`,
        ]
      : []),
    ...rates(linesOf(part), rate),
  ];
}

const WRITERS = { adapter, tests, roofline, workloads: inTurn, autotune: candidates, features: inTurn, sizes: inTurn, pytorch };

function section(part: PartReport, report: CampaignReport): string {
  const undone = part.tasks.filter(({ status }) => status !== "done").map(({ name, status, says }) => [name, status, says]);
  return [
    `### ${part.title}`,
    `${part.status}, ${part.seconds.toFixed(0)} s.`,
    ...WRITERS[part.name](part, report),
    ...(undone.length > 0 ? [table(["not done", "status", "says"], undone)] : []),
  ].join("\n\n");
}

export function markdownOf(report: CampaignReport): string {
  const quick = report.quick ? " By --quick: short, noisy runs, no numbers to quote." : "";
  return (
    [
      `## Measured by the campaign, ${report.date.slice(0, 10)}`,
      `CPU: ${report.cpu}.${quick}`,
      ...report.parts.map((part) => section(part, report)),
    ].join("\n\n") + "\n"
  );
}
