// `deltaprop char-rnn`: a text in, a character-level language model and what it writes out. Everything that can be refused is
// refused before a browser starts.

import { InputError } from "../errors.ts";
import { fileStore } from "../index.ts";
import { placesOf, quoted, vocabularyOf } from "./characters.ts";
import type { JobHost } from "./fit-events.ts";
import { checkWeightCount } from "./model-spec.ts";
import { describeCheckpoints, howToGoOn, trainingFailed } from "./outcome.ts";
import { count, decimals, duration, orNull, Progress } from "./progress.ts";
import { digestOf, flagsForRun, keepRun, type Beginning } from "./run-folder.ts";
import { runOn } from "./run-on.ts";
import { checkWritable, readLoaded, saveWeights } from "./saved-model.ts";
import { parseTextModel, textModelBytes, type SavedTextModel } from "./saved-text-model.ts";
import { showFitEvent } from "./show-event.ts";
import { stopOnSignals } from "./signals.ts";
import { checkTextFits, loadText } from "./text-data.ts";
import type { TextData, TextEvent, TextRequest, TextResult } from "./text-job.ts";
import { buildTextModel, textModelWeights, textRecipe, type TextSpec } from "./text-model.ts";
import { addTextOptions, resolveTextOptions, textFlagsFor, type TextFlags, type TextOptions } from "./text-options.ts";
import { Sampler } from "./text-sampler.ts";

interface TextRun {
  readonly options: TextOptions;
  readonly saved: SavedTextModel | null;
  readonly primer: string;
  readonly model: TextSpec;
  readonly data: TextData;
  /** Where the text came from, for the user; null if none is learnt. */
  readonly source: string | null;
}

/** Builds it and throws it away. @throws InputError naming what to change */
async function checkTextModel(spec: TextSpec, length: number): Promise<void> {
  checkWeightCount(textModelWeights(spec), `--hidden ${spec.hidden}`);
  const model = buildTextModel(spec, length);
  try {
    await model.compile({ ...textRecipe(spec), backend: "cpu" });
  } finally {
    model.dispose();
  }
}

/** Characters of the text that are read before writing. */
const PRIMER = 64;

async function prepareText(options: TextOptions, saved: SavedTextModel | null) {
  const { text: path, length, batchSize } = options;
  const { text, source } = await loadText(path),
    where = path === null ? "the project's own sources" : `--text ${path}`;
  const vocabulary = saved?.spec.vocabulary ?? vocabularyOf(text),
    places = placesOf(text, vocabulary, where);
  checkTextFits(places.length, vocabulary, length, batchSize, where);
  return { text, places, vocabulary, source };
}

async function prepare(typed: TextFlags): Promise<TextRun> {
  const { flags, run } = await flagsForRun("char-rnn", typed, addTextOptions);
  const loaded = flags.load === undefined ? null : await readLoaded(flags.load);
  const saved = loaded === null ? null : await parseTextModel(loaded, flags.load!);
  const given = resolveTextOptions(flags, saved),
    { epochs, save } = given;
  if (save !== null) await checkWritable(save);
  const { text, places, vocabulary, source } =
    epochs > 0 ? await prepareText(given, saved) : { text: "", places: new Uint8Array(), vocabulary: saved!.spec.vocabulary, source: null };
  const primer = epochs > 0 ? Array.from(places.slice(0, PRIMER), (place) => vocabulary[place]).join("") : saved!.primer;
  const options: TextOptions = { ...given, drawing: { ...given.drawing, prompt: flags.prompt ?? primer } };
  const unknown = [...options.drawing.prompt].find((character) => !vocabulary.includes(character));
  if (unknown !== undefined) {
    throw new InputError(
      `--prompt: the model does not know the character ${quoted(unknown)}. Use those of its text: ` + `${quoted(vocabulary.join(""))}.`,
    );
  }
  const model = { ...options.model, vocabulary };
  await checkTextModel(model, options.length);
  if (options.runFolder) {
    const weights = (saved?.weights ?? []).map((weight) => weight.data);
    const inputs = digestOf([places, new TextEncoder().encode(vocabulary.join("")), ...weights]);
    const beginning: Beginning = { command: "char-rnn", flags: textFlagsFor(options), save, inputs, loaded, text };
    await keepRun(options.runFolder, beginning, run, addTextOptions);
  }
  return { options, saved, primer, model, data: { places, weights: saved?.weights ?? null }, source };
}

function describeRun({ options, model, data, source }: TextRun): string {
  const { epochs, length, batchSize, load, runFolder } = options;
  const network = `${model.layers} × ${model.hidden} ${model.cell === "rnn" ? "" : `${model.cell.toUpperCase()} `}units, ${model.vocabulary.length} characters`;
  const how = `length ${length}, batch ${batchSize}, adam, lr ${model.learningRate}, seed ${model.seed}`;
  return [
    epochs === 0
      ? `deltaprop writes with a character model (${network}; seed ${model.seed}) on the CPU`
      : `deltaprop trains a character model (${network}; ${how})`,
    ...(source === null ? [] : [`text: ${count(data.places.length)} characters (${source})`]),
    ...(load === null ? [] : [`model: ${load}`]),
    ...(runFolder === null ? [] : [describeCheckpoints(runFolder)]),
  ].join("\n");
}

function onEvent(event: TextEvent, progress: Progress, options: TextOptions): void {
  if (event.type !== "sample") showFitEvent(event, progress, options);
  else progress.line(event.text === null ? "no sample: the weights are not finite numbers" : indented(event.text));
}

const CONTROLS = /[^\P{C}\n\t]/gu;

/** Set off from the lines around it. What steers a terminal is shown as a space. */
const indented = (text: string): string => `\n${text.replace(CONTROLS, " ").replace(/^/gm, "  │ ")}\n`;

/** What JSON says of a run; samples a second are those of training. */
export function textJsonLine(result: Omit<TextResult, "weights" | "stopped">, { model, data }: Pick<TextRun, "model" | "data">): string {
  const { adapter, backend, epochs, steps, stepsHere, seconds, charactersPerSecond, loss, perplexity, sample } = result;
  return JSON.stringify({
    adapter,
    backend,
    epochs,
    steps,
    seconds,
    stepsPerSecond: seconds > 0 ? stepsHere / seconds : 0,
    charactersPerSecond,
    loss: loss.map(orNull),
    perplexity: perplexity.map(orNull),
    sample,
    characters: data.places.length,
    vocabulary: model.vocabulary.length,
    seed: model.seed,
  });
}

/** Writes with the loaded model, without training: in this process, without a GPU. */
async function write({ options, model, data }: TextRun): Promise<Omit<TextResult, "weights" | "stopped">> {
  const sampler = await Sampler.open(model);
  try {
    const sample = await sampler.draw(data.weights!, options.drawing);
    const { adapter, backend } = sampler.model;
    return { adapter, backend, epochs: 0, steps: 0, stepsHere: 0, seconds: 0, charactersPerSecond: 0, loss: [], perplexity: [], sample };
  } finally {
    sampler.dispose();
  }
}

/** @returns whether the model is where the user wanted it. @throws InputError if it cannot be written */
function save(
  { options, model, primer }: TextRun,
  { weights, stopped, steps }: TextResult,
  say: (line: string) => void,
): boolean | Promise<boolean> {
  if (options.save === null || (stopped && steps === 0)) return true;
  const {
    length,
    batchSize,
    drawing: { temperature },
  } = options;
  const bytes = textModelBytes({ spec: model, length, batchSize, temperature, primer, weights });
  return saveWeights(options.save, weights, bytes, say);
}

function reportTraining({ options: { runFolder } }: TextRun, result: TextResult, progress: Progress): void {
  const { steps, stepsHere, seconds, charactersPerSecond, perplexity } = result;
  if (result.stopped) {
    progress.line(`Stopped after ${count(steps)} steps.`);
    if (runFolder) progress.line(howToGoOn(runFolder));
  } else {
    const speed =
      stepsHere === 0
        ? ""
        : `  (${count(stepsHere)} steps in ${duration(seconds)}, ` +
          `${(stepsHere / seconds).toFixed(1)} steps/s, ${count(charactersPerSecond)} characters/s)`;
    progress.line(`trained: perplexity ${decimals(perplexity[0])} → ${decimals(perplexity.at(-1)!)}${speed}`);
  }
}

/** @returns the exit code: 1 if weights to be saved are no numbers */
async function finish(plan: TextRun, result: TextResult, progress: Progress): Promise<number> {
  const saved: string[] = [];
  try {
    // Before anything is said of them: nobody may be there to hear it.
    return (await save(plan, result, (line) => saved.push(line))) ? 0 : 1;
  } finally {
    reportTraining(plan, result, progress);
    for (const line of saved) progress.line(line);
    if (plan.options.json) process.stdout.write(`${textJsonLine(result, plan)}\n`);
  }
}

async function train(plan: TextRun, host: JobHost<TextEvent>, progress: Progress): Promise<number> {
  const {
    options,
    options: { backend, epochs, length, batchSize, drawing, runtime, runFolder },
    model,
    data,
  } = plan;
  const request: TextRequest = { model, backend, epochs, length, batchSize, drawing, checkpoints: runFolder };
  const result = await runOn(runtime, { kind: "text", request, data }, host, (line) => progress.line(line)).catch((error: unknown) =>
    trainingFailed(error, options, progress),
  );
  return finish(plan, result, progress);
}

/** @returns the exit code: 0, 1 if weights to be saved are no numbers, or 128 + the number of the signal that stopped it */
export async function charRnnCommand(flags: TextFlags): Promise<number> {
  const plan = await prepare(flags),
    { options } = plan;
  const progress = new Progress(options.json ? process.stderr : process.stdout, options.epochs, "characters");
  progress.line(describeRun(plan));
  if (options.epochs === 0) {
    const result = await write(plan);
    progress.line(indented(result.sample ?? ""));
    if (options.json) process.stdout.write(`${textJsonLine(result, plan)}\n`);
    return 0;
  }
  const stop = stopOnSignals(() => {
    progress.close();
    progress.line("Stopping at the next step … (Ctrl-C again quits at once)");
  });
  try {
    const emit = (event: TextEvent) => onEvent(event, progress, options);
    const store = options.runFolder ? fileStore(options.runFolder.folder) : undefined;
    const code = await train(plan, { emit, signal: stop.signal, store }, progress);
    return stop.exitCode() || code;
  } catch (error) {
    if (!stop.isReason(error)) throw error;
    progress.line("Stopped before the training began.");
    return stop.exitCode();
  } finally {
    progress.close();
    stop.release();
  }
}
