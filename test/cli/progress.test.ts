// What is printed while training: one line an epoch, a bar only on a terminal.

import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { count, decimals, describeAdapter, duration, formatLogs, percent, Progress } from "../../src/cli/progress.ts";

function recorder(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 200, cursorTo: () => {}, clearLine: () => {} });
  return { out: stream as unknown as NodeJS.WriteStream, text: () => String(stream.read() ?? "") };
}
const logs = { loss: 0.21117, accuracy: 0.939, val_accuracy: 0.95 };
const event = (epoch: number, samples: number, seconds: number) =>
  ({ type: "progress", epoch, samples, epochSamples: 1000, logs, seconds }) as const;

describe("numbers", () => {
  it.each([
    [0.04, "0.0 s"],
    [9.94, "9.9 s"],
    [12.3, "12 s"],
    [59.4, "59 s"],
    [185, "3 min 5 s"],
    [3600, "60 min 0 s"],
  ])("%f seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));

  it("are grouped, rounded and shown as percent", () => {
    expect([count(1234567.8), percent(0.93899)]).toEqual(["1,234,568", "93.90 %"]);
    expect(formatLogs(logs)).toBe("loss 0.2112  accuracy 93.90 %  val_accuracy 95.00 %");
    expect([decimals(1234.5), decimals(-1.5e20)]).toEqual(["1234.5000", "-1.5000e+20"]);
  });

  it("that are none are called by name", () => {
    expect(formatLogs({ loss: NaN, val_loss: Infinity, accuracy: NaN })).toBe("loss NaN  val_loss Infinity  accuracy NaN");
  });
});

describe("Progress", () => {
  it("prints a line an epoch and no bar where there is no terminal", () => {
    const { out, text } = recorder(false),
      progress = new Progress(out, 10);
    progress.update(event(0, 500, 1));
    progress.epoch({ type: "epoch", epoch: 0, samples: 1000, epochSamples: 1000, logs, seconds: 2 });
    expect(text()).toBe("epoch  1/10  loss 0.2112  accuracy 93.90 %  val_accuracy 95.00 %  500 samples/s  18 s left\n");
  });

  it("measures speed on the bar from the first batches on, not from the start of compilation", () => {
    const { out, text } = recorder(true),
      progress = new Progress(out, 2);
    progress.update(event(0, 100, 10));
    progress.update(event(0, 600, 11));
    progress.close();
    expect(text()).toContain("500 samples/s  2.8 s left");
  });

  it("cuts the bar to the terminal's width, also after a resize, and leaves the terminal as it was", () => {
    const { out, text } = recorder(true),
      progress = new Progress(out, 2);
    out.columns = 40;
    progress.update(event(0, 100, 10));
    out.columns = 30;
    progress.update(event(0, 600, 11));
    progress.close();
    const written = text(),
      [wide, narrow] = written.match(/epoch 1\/2[^\x1b]*/g)!;
    expect([wide.length, narrow.length]).toEqual([40, 30]);
    // Cursor hidden and shown again; the terminal's wrapping never switched off.
    expect(written.indexOf("\x1b[?25h")).toBeGreaterThan(written.indexOf("\x1b[?25l"));
    expect(written).not.toContain("\x1b[?7l");
  });

  it("has room for all its figures on a terminal of 80 columns", () => {
    const { out, text } = recorder(true),
      progress = new Progress(out, 20);
    out.columns = 80;
    progress.update({ ...event(0, 100, 10), logs: { loss: logs.loss, accuracy: logs.accuracy } });
    progress.update({ ...event(0, 200, 11), logs: { loss: logs.loss, accuracy: logs.accuracy } });
    progress.close();
    expect(text()).toContain("epoch  1/20 █░░░  loss 0.2112  accuracy 93.90 %  100 samples/s  3 min 18 s left");
  });

  it("measures by what this process trained, where it went on within an epoch", () => {
    const { out, text } = recorder(false),
      progress = new Progress(out, 4);
    const each = { type: "epoch", epochSamples: 1000, logs: { loss: 1 } } as const;
    progress.epoch({ ...each, epoch: 1, samples: 0, seconds: 0.01 });
    progress.epoch({ ...each, epoch: 1, samples: 200, seconds: 1 });
    progress.epoch({ ...each, epoch: 2, samples: 1000, seconds: 5 });
    expect(text()).toBe(
      "epoch 2/4  loss 1.0000\nepoch 2/4  loss 1.0000  200 samples/s  10 s left\n" + "epoch 3/4  loss 1.0000  200 samples/s  5.0 s left\n",
    );
  });

  it("takes the bar away before a line, and brings it back", () => {
    const { out, text } = recorder(true),
      progress = new Progress(out, 2);
    progress.update(event(0, 100, 10));
    progress.line("the GPU was lost");
    progress.update(event(0, 200, 11));
    progress.close();
    expect(text()).toMatch(/epoch 1\/2.*\x1b\[2Kthe GPU was lost\n.*epoch 1\/2/s);
  });

  it("shows nothing more once closed", () => {
    const { out, text } = recorder(true),
      progress = new Progress(out, 2);
    progress.close();
    progress.update(event(0, 100, 10));
    expect(text()).toBe("");
  });
});

describe("describeAdapter", () => {
  const software = { adapter: "google swiftshader (software)", backend: "webgpu" };

  it("says of a software adapter what is known, and on Linux how a GPU may be reached", () => {
    const [adapter, known, ...advice] = describeAdapter(software, "chrome", "auto", "linux").split("\n");
    expect([adapter, known]).toEqual(["adapter: google swiftshader (software)", "  Chrome offers only its software adapter, SwiftShader."]);
    expect(advice.join()).toMatch(/DELTAPROP_BROWSER_FLAGS=\S+, or --runtime node/);
    expect(describeAdapter(software, "chrome", "auto", "darwin").split("\n")).toEqual([adapter, known]);
    expect(describeAdapter(software, "node")).toContain("a software one");
  });

  it("goes by the adapter's own suffix", () => {
    const gpu = { adapter: "nvidia hopper swiftshader", backend: "webgpu" };
    expect(describeAdapter(gpu, "chrome")).toBe("adapter: nvidia hopper swiftshader");
  });

  it("says when there is no WebGPU", () => {
    const cpu = { adapter: "CPU (float64 reference)", backend: "cpu" };
    expect(describeAdapter(cpu, "chrome", "auto")).toContain("no WebGPU adapter found; training on the CPU");
    expect(describeAdapter(cpu, "chrome", "cpu")).toBe("adapter: CPU (float64 reference)");
  });
});
