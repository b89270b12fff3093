// Labelled controls. Each holds a value, takes only what its field allows, and tells of changes by the user alone.

import { element, uniqueId } from "./dom.ts";
import { defineTexts, type Words } from "./i18n.ts";
import type { Field, NumberField } from "./share.ts";

const RULES = defineTexts(
  {
    real: (min: number, max: number) => `A number from ${min} to ${max}.`,
    whole: (min: number, max: number) => `A whole number from ${min} to ${max}.`,
    many: (most: number, min: number, max: number) => `At most ${most} whole numbers from ${min} to ${max}, with commas between them.`,
  },
  {
    real: (min: number, max: number) => `请输入 ${min} 到 ${max} 之间的数。`,
    whole: (min: number, max: number) => `请输入 ${min} 到 ${max} 之间的整数。`,
    many: (most: number, min: number, max: number) => `请输入至多 ${most} 个 ${min} 到 ${max} 之间的整数，用逗号分隔。`,
  },
);

/** What a field allows, in words where it is a number. */
function ruleOf<W>({ rule, bounds }: Field<unknown>, { language }: Words<W>): string {
  if (!bounds) return rule;
  const { kind, min, max, most } = bounds,
    now = RULES[language.code];
  return most === undefined ? now[kind](min, max) : now.many(most, min, max);
}

/** A number as people write it: .5 and 0,5 are 0.5. */
const asDecimal = (typed: string): string => typed.replace(/^(-?\d*),(\d+)$/, "$1.$2").replace(/^(-?)\./, (_, sign: string) => `${sign}0.`);

export interface Control<T> {
  /** Label and input together. */
  readonly host: HTMLElement;
  /** The last value that was allowed. Setting it calls nobody. */
  value: T;
  disabled: boolean;
}

type Pick<W> = (words: Words<W>["now"]) => string;

export interface Labelled<W> {
  readonly words: Words<W>;
  readonly label: Pick<W>;
  /** Shown below the input, and read with it. */
  readonly hint?: Pick<W>;
}

/** Label above, input, hint below. */
function frame<W>({ words, label, hint }: Labelled<W>, input: HTMLElement, beside: readonly Node[] = []): HTMLElement {
  input.id ||= uniqueId("control");
  const help = hint ? words.show(element("small", { id: uniqueId("hint") }), hint) : null;
  if (help) input.setAttribute("aria-describedby", help.id);
  const title = words.show(element("label", { for: input.id }), label);
  return element("div", { class: "control" }, element("div", { class: "control-head" }, title, ...beside), input, help);
}

/** Text that a field reads; what it does not allow is marked and left alone, and the value before stays. */
export function textControl<T, W>(
  labelled: Labelled<W>,
  field: Field<T>,
  first: T,
  onChange: (value: T) => void,
  inputMode: "numeric" | "decimal" | "text" = "text",
): Control<T> {
  let value = first;
  const input = element("input", { type: "text", inputmode: inputMode, autocomplete: "off", spellcheck: "false" });
  const rule = element("small", { class: "wrong", id: uniqueId("rule"), hidden: true });
  labelled.words.follow(rule, () => {
    rule.textContent = ruleOf(field as Field<unknown>, labelled.words);
  });
  const host = frame(labelled, input);
  host.append(rule);
  const show = (text: string, allowed: boolean) => {
    input.value = text;
    rule.hidden = allowed;
    if (allowed) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
    if (allowed) input.removeAttribute("aria-errormessage");
    else input.setAttribute("aria-errormessage", rule.id);
  };
  input.addEventListener("change", () => {
    const typed = input.value
      .replaceAll(/[\s\u3000]+/g, "")
      .replaceAll("，", ",")
      .replaceAll("。", ".");
    const read = field.read(inputMode === "decimal" ? asDecimal(typed) : typed);
    show(read === undefined ? input.value : field.write(read), read !== undefined);
    if (read === undefined || field.write(read) === field.write(value)) return;
    value = read;
    onChange(read);
  });
  show(field.write(first), true);
  return {
    host,
    get value() {
      return value;
    },
    set value(next) {
      value = next;
      show(field.write(next), true);
    },
    get disabled() {
      return input.disabled;
    },
    set disabled(next) {
      input.disabled = next;
    },
  };
}

export interface Choice<T extends string, W> {
  readonly value: T;
  readonly label: Pick<W>;
}

export interface SelectControl<T> extends Control<T> {
  /** Only these values can be chosen from now on. */
  allow(values: readonly T[]): void;
}

export function selectControl<T extends string, W>(
  labelled: Labelled<W>,
  choices: readonly Choice<T, W>[],
  first: T,
  onChange: (value: T) => void,
): SelectControl<T> {
  const input = element("select", {}, ...choices.map(({ value, label }) => labelled.words.show(element("option", { value }), label)));
  input.value = first;
  input.addEventListener("change", () => onChange(input.value as T));
  return {
    host: frame(labelled, input),
    get value() {
      return input.value as T;
    },
    set value(next) {
      input.value = next;
    },
    get disabled() {
      return input.disabled;
    },
    set disabled(next) {
      input.disabled = next;
    },
    allow(values) {
      for (const option of input.options) option.disabled = !values.includes(option.value as T);
    },
  };
}

export interface SliderOptions {
  /** Places between the two ends. */
  readonly places: number;
  /** Equal ways are equal factors; else equal differences. */
  readonly logarithmic?: boolean;
  readonly show: (value: number) => string;
}

/** A range with its value beside the label. It tells of every place that it passes. */
export function sliderControl<W>(
  labelled: Labelled<W>,
  field: NumberField,
  first: number,
  options: SliderOptions,
  onChange: (value: number) => void,
): Control<number> {
  const { places, logarithmic = false, show } = options,
    { min, max } = field;
  let value = first;
  const input = element("input", { type: "range", min: 0, max: places, step: 1 });
  const shown = element("output", { for: input.id });
  const at = (place: number): number => {
    const share = place / places;
    const exact = logarithmic ? min * (max / min) ** share : min + (max - min) * share;
    return Number(exact.toPrecision(2));
  };
  const placeOf = (number: number): number =>
    Math.round(places * (logarithmic ? Math.log(number / min) / Math.log(max / min) : (number - min) / (max - min)));
  const draw = () => {
    shown.textContent = show(value);
    input.setAttribute("aria-valuetext", show(value));
    input.style.setProperty("--filled", `${(100 * Number(input.value)) / places}%`);
  };
  const place = () => {
    input.value = String(placeOf(value));
    draw();
  };
  input.addEventListener("input", () => {
    value = at(Number(input.value));
    draw();
    onChange(value);
  });
  const host = frame(labelled, input, [shown]);
  place();
  return {
    host,
    get value() {
      return value;
    },
    set value(next) {
      value = next;
      place();
    },
    get disabled() {
      return input.disabled;
    },
    set disabled(next) {
      input.disabled = next;
    },
  };
}

/** On or off. */
export function switchControl<W>({ words, label }: Labelled<W>, first: boolean, onChange: (value: boolean) => void): Control<boolean> {
  const input = element("input", { type: "checkbox", checked: first });
  input.addEventListener("change", () => onChange(input.checked));
  return {
    host: element("label", { class: "switch" }, input, words.show(element("span"), label)),
    get value() {
      return input.checked;
    },
    set value(next) {
      input.checked = next;
    },
    get disabled() {
      return input.disabled;
    },
    set disabled(next) {
      input.disabled = next;
    },
  };
}

export function button<W>(
  words: Words<W>,
  label: Pick<W>,
  onClick: () => void,
  kind: "primary" | "normal" | "plain" = "normal",
): HTMLButtonElement {
  const made = words.show(element("button", { type: "button", class: kind }), label);
  made.addEventListener("click", onClick);
  return made;
}

/** A button that opens the file dialogue; files dropped elsewhere go the same way. */
export function fileButton<W>(
  words: Words<W>,
  label: Pick<W>,
  accept: string,
  multiple: boolean,
  onFiles: (files: File[]) => void,
): HTMLElement {
  const input = element("input", { type: "file", accept, multiple, class: "unseen" });
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    // The same file again is a change again.
    input.value = "";
    if (files.length > 0) onFiles(files);
  });
  return element("label", { class: "button" }, input, words.show(element("span"), label));
}
