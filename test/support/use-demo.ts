// The built page for all tests of a file: what goes wrong on any page of it fails the file at its end.

import { afterAll, beforeAll, expect } from "vitest";
import { openDemo, type Demo } from "./demo-page.ts";

export function useDemo(): Pick<Demo, "open"> {
  let demo: Demo | undefined;
  beforeAll(async () => {
    demo = await openDemo();
  }, 90_000);
  afterAll(async () => {
    await demo?.close();
    expect(demo?.errors).toEqual([]);
  });
  return { open: (hash, before) => demo!.open(hash, before) };
}
