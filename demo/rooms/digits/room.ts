// The digits room: brings its parts together. The network lives in worker.ts.

import "./room.css";
import { element } from "../../lib/dom.ts";
import { reasonOf } from "../../lib/notices.ts";
import type { Mount } from "../../lib/room.ts";
import { readLink } from "../../lib/share.ts";
import { connect, proxy } from "../../lib/worker-client.ts";
import { DEFAULTS, FIELDS, type DigitsConfig } from "./config.ts";
import { Curves } from "./curves.ts";
import { Pad } from "./pad.ts";
import { Settings } from "./settings.ts";
import { texts } from "./texts.ts";
import type { DataInfo, Events, ModelInfo } from "./trainer.ts";
import { Transport } from "./transport.ts";
import type { DigitsWorker } from "./worker.ts";

export const mount: Mount = (host, context) => {
  const { language, theme, notices, announcer } = context, words = language.words(texts);
  const fail = (error: unknown) => notices.show("error", words.now.failed(reasonOf(error)));
  const worker = connect<DigitsWorker>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }), fail);
  const { remote } = worker;
  let model: ModelInfo | null = null, data: DataInfo | null = null, turn = 0;

  const transport = new Transport(words, {
    onRun() {
      transport.state = "running";
      remote.run().catch(fail);
    },
    onPause: () => { void pause(); },
    onStep: () => { remote.step().then(() => { transport.state = "paused"; }, fail); },
    onReset: () => { void renew(); },
  });
  const curves = new Curves(words, theme);
  const settings = new Settings(words, startFrom(context.link), {
    onRate: () => { void renew(); },
    onBatch: (batch) => { remote.setBatch(batch).catch(fail); },
    onNetwork: () => { void renew(); },
  });
  const pad = new Pad(words, theme, {
    onPixels: () => ask(),
    onWish: (digit) => {
      remote.testDigit(digit, turn++).then((pixels) => { if (pixels) pad.showDigit(pixels); }, fail);
    },
  });

  /** The configuration of a link; what it leaves out is as usual. A link that is wrong changes nothing and is told. */
  function startFrom(link: string): DigitsConfig {
    try {
      return { ...DEFAULTS, ...readLink(FIELDS, link) };
    } catch (error) {
      fail(error);
      return DEFAULTS;
    }
  }

  async function pause(): Promise<void> {
    await remote.pause().catch(fail);
    transport.state = "paused";
    await remote.validate().catch(fail);
  }

  /** A new network as the settings say; it runs on if the old one ran. */
  async function renew(): Promise<void> {
    const { state } = transport;
    try {
      await remote.configure(settings.config, settings.backend);
      if (state !== "running") transport.state = "ready";
    } catch (error) {
      fail(error);
    }
  }

  // Only the newest drawing is asked about, and one question is under way at a time.
  let asking = false, again = false;
  function ask(): void {
    again = true;
    if (asking || !pad.pixels || !data) return;
    [asking, again] = [true, false];
    const { pixels } = pad;
    // Between two networks nobody answers; the next one will be asked.
    remote.predict(pixels).then((answer) => { if (pad.pixels) pad.showAnswer(answer); }, () => {}).finally(() => {
      asking = false;
      if (again) ask();
    });
  }

  const events: Events = {
    onModel(info) {
      if (!model && info.backend === "cpu" && settings.backend === "auto") {
        settings.onlyCpu();
        notices.show("hint", words.now.noGpu);
      }
      model = info;
      transport.model = info;
      plan.textContent = info.plan;
      showLead();
    },
    onFresh() {
      curves.clear();
      transport.clear();
      ask();
    },
    onProgress(progress) {
      transport.progress = progress;
      curves.add(progress);
      ask();
      announcer.metrics(() => transport.spoken());
    },
    onValidation(validation) {
      transport.validation = validation;
      curves.validated(validation);
    },
    onStopped(reason) {
      transport.state = "paused";
      notices.show("error", words.now.stoppedBy(reason));
    },
  };

  const lead = element("p", { class: "lead" }), plan = element("pre", { tabindex: 0 });
  const showLead = () => {
    if (!data || !model) return;
    const shape = [data.side ** 2, ...settings.config.layers, data.classes].join("–"), digits = language.number(data.train);
    lead.textContent = model.backend === "webgpu" ? words.now.lead(digits, shape) : words.now.leadCpu(digits, shape);
  };
  words.follow(lead, showLead);

  function opened(info: DataInfo): void {
    data = info;
    pad.side = info.side;
    pad.setClasses(info.classes);
    transport.state = "ready";
    showLead();
    ask();
  }

  host.append(
    element("header", { class: "room-head" }, words.show(element("h1"), ({ title }) => title), lead),
    transport.host, element("div", { class: "cockpit" }, curves.host, pad.host, settings.host),
    element("details", { class: "card" }, words.show(element("summary"), ({ inside }) => inside), plan));
  remote.open(document.baseURI, settings.config, settings.backend, proxy(events)).then(opened, fail);

  return {
    hide: () => { if (transport.state === "running") void pause(); },
    dispose() {
      worker.dispose();
      curves.dispose();
      pad.dispose();
      words.dispose();
      host.replaceChildren();
    },
  };
};
