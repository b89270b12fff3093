// What the values of flags must be, for commander: functions of the text that was typed.

import { InvalidArgumentError, Option } from "commander";

export const DIGITS = /^\d{1,16}$/;

export function wholeNumber(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!DIGITS.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to 2^53−1.`);
    }
    return value;
  };
}

export function numberIn(rule: string, holds: (value: number) => boolean) {
  return (text: string): number => {
    const value = text.trim() === "" ? NaN : Number(text);
    if (!Number.isFinite(value) || !holds(value)) throw new InvalidArgumentError(`It must be a number ${rule}.`);
    return value;
  };
}

export function fileName(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  if (/\p{Cc}/u.test(text)) throw new InvalidArgumentError("It must have no line breaks or other control characters.");
  return text;
}

/** Any character at all: for what is read by a model, and names no file. */
export function anyText(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
}

export const choice = (flags: string, text: string, choices: readonly string[]) => new Option(flags, text).choices(choices);
