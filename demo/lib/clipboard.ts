// Copies a text where the page may: browsers keep the clipboard from pages that are no secure contexts, and may ask the visitor.

/** @returns whether it is in the clipboard */
export async function copied(text: string): Promise<boolean> {
  // Missing in pages that came over plain http, whatever the types say.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  return (
    clipboard?.writeText(text).then(
      () => true,
      () => false,
    ) ?? false
  );
}
