// Makes a text wrong on purpose, for controls: a control whose text is gone would prove nothing, so it fails.

/**
 * `text` with the first match of `from` replaced, as String.replace does it.
 * @throws Error if that changes nothing: `from` is not there, or `to` is the same
 */
export function replaceOrThrow(text: string, from: string | RegExp, to: string): string {
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`replaceOrThrow(): replacing ${String(from)} by ${to} changes nothing in\n${text}`);
  return changed;
}
