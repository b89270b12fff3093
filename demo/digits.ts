// The digits as the page gets them: four files of bytes, made by digits-plugin.ts.

const FEATURES = 784;

export interface Digits {
  readonly images: Uint8Array<ArrayBuffer>;
  readonly labels: Uint8Array<ArrayBuffer>;
}

async function bytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(`digits/${name}`, document.baseURI));
  if (!response.ok) throw new Error(`The digits could not be loaded (${response.status} for ${response.url}).`);
  return new Uint8Array(await response.arrayBuffer());
}

export async function loadDigits(set: "train" | "test"): Promise<Digits> {
  const [images, labels] = await Promise.all([bytes(`${set}-images`), bytes(`${set}-labels`)]);
  if (images.length !== labels.length * FEATURES) throw new Error(`The ${set} digits are damaged. Reload the page.`);
  return { images, labels };
}
