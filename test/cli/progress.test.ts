// What is printed while training: one line an epoch, a bar only on a terminal.

import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { count, describeAdapter, duration, formatLogs, isSoftware, percent, Progress } from "../../src/cli/progress.ts";

function recorder(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 200, cursorTo: () => {}, clearLine: () => {} });
  return { out: stream as unknown as NodeJS.WriteStream, text: () => String(stream.read() ?? "") };
}
const logs = { loss: 0.21117, accuracy: 0.939, val_accuracy: 0.95 };
const event = (epoch: number, samples: number, seconds: number) =>
  ({ type: "progress", epoch, samples, epochSamples: 1000, logs, seconds }) as const;

describe("numbers", () => {
  it.each([[0.04, "0.0 s"], [9.94, "9.9 s"], [12.3, "12 s"], [59.4, "59 s"], [185, "3 min 5 s"], [3600, "60 min 0 s"]])(
    "%f seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));

  it("are grouped, rounded and shown as percent", () => {
    expect([count(1234567.8), percent(0.93899)]).toEqual(["1,234,568", "93.90 %"]);
    expect(formatLogs(logs)).toBe("loss 0.2112  accuracy 93.90 %  val_accuracy 95.00 %");
  });
});

describe("Progress", () => {
  it("prints a line an epoch and no bar where there is no terminal", () => {
    const { out, text } = recorder(false), progress = new Progress(out, 10);
    progress.update(event(0, 500, 1));
    progress.epoch({ type: "epoch", epoch: 0, epochSamples: 1000, logs, seconds: 2 });
    expect(text()).toBe("epoch  1/10  loss 0.2112  accuracy 93.90 %  val_accuracy 95.00 %  500 samples/s  18 s left\n");
  });

  it("measures speed on the bar from the first batches on, not from the start of compilation", () => {
    const { out, text } = recorder(true), progress = new Progress(out, 2);
    progress.update(event(0, 100, 10));
    progress.update(event(0, 600, 11));
    progress.close();
    expect(text()).toContain("500 samples/s  2.8 s left");
  });

  it("shows nothing more once closed", () => {
    const { out, text } = recorder(true), progress = new Progress(out, 2);
    progress.close();
    progress.update(event(0, 100, 10));
    expect(text()).toBe("");
  });
});

it("says when there is no GPU", () => {
  expect(["google swiftshader (software)", "llvmpipe", "Microsoft Basic Render Driver"].every(isSoftware)).toBe(true);
  expect(isSoftware("nvidia hopper")).toBe(false);
  expect(describeAdapter({ adapter: "google swiftshader (software)", backend: "webgpu" }, "chrome"))
    .toContain("no GPU found; using Chrome's software adapter");
  const cpu = { adapter: "CPU (float64 reference)", backend: "cpu" };
  expect(describeAdapter(cpu, "chrome", "auto")).toContain("no WebGPU adapter found; training on the CPU");
  expect(describeAdapter(cpu, "chrome", "cpu")).toBe("adapter: CPU (float64 reference)");
});
