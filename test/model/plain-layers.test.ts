// What sequential() takes as a layer does not depend on what was called before: a plain object of type "simpleRNN" is refused before and
// after the first simpleRNN() alike. Modules are loaded anew for each order, so that nothing ran before.

import { beforeEach, expect, test, vi } from "vitest";
import type * as Library from "../../src/index.ts";

let library: typeof Library;

beforeEach(async () => {
  vi.resetModules();
  library = await import("../../src/index.ts");
});

const OPTIONS = { units: 2, inputShape: [3, 2] };

/** As it comes from JSON or a worker: all of what simpleRNN() gives but what no clone keeps. */
const plainLayer = (): Library.Layer =>
  JSON.parse(
    JSON.stringify({
      type: "simpleRNN",
      activation: "tanh",
      returnSequences: false,
      stateful: false,
      useBias: true,
      inputVocabulary: null,
      dropout: 0,
      kernelInitializer: { name: "zeros" },
      recurrentInitializer: { name: "zeros" },
      biasInitializer: { name: "zeros" },
      kernelRegularizer: null,
      recurrentRegularizer: null,
      biasRegularizer: null,
      name: null,
      ...OPTIONS,
    }),
  ) as Library.Layer;

/** What sequential() says to it: "" where it takes it. */
function answer(layer: Library.Layer): string {
  try {
    library.sequential({ layers: [layer] }).dispose();
    return "";
  } catch (error) {
    if (!(error instanceof library.InputError)) throw error;
    return error.message;
  }
}

const REFUSAL = /layer 0 must be the value of .*dense\(\).*JSON becomes layers by these functions\./;

test("a plain simpleRNN is refused before simpleRNN() was called and afterwards, in the same words", () => {
  const before = answer(plainLayer());
  expect(before).toMatch(REFUSAL);
  library.simpleRNN(OPTIONS);
  expect(answer(plainLayer())).toBe(before);
  expect(answer(structuredClone({ ...library.simpleRNN(OPTIONS) }))).toMatch(REFUSAL);
});

test("control: the value of simpleRNN() is taken, and a copy of it by spreading, and plain layers of the types that are always there", () => {
  const layer = library.simpleRNN(OPTIONS);
  expect(answer(layer)).toBe("");
  expect(answer({ ...layer })).toBe("");
  expect(answer(JSON.parse(JSON.stringify(library.dense({ units: 2, inputShape: [3] }))) as Library.Layer)).toBe("");
});

test("the appender is no option: entries do not show it", () => {
  const { type, ...options } = Object.fromEntries(Object.entries(library.simpleRNN(OPTIONS))) as unknown as Library.SimpleRNNOptions & {
    type: string;
  };
  expect(type).toBe("simpleRNN");
  expect(answer(library.simpleRNN(options))).toBe("");
  // Control: a key that entries show is refused as an option.
  expect(() => library.simpleRNN({ ...options, append: () => {} } as Library.SimpleRNNOptions)).toThrow(/append/);
});

test.each([{ type: "toString" }, { type: "lstm" }, { type: null }, {}, null])("%o is no layer", (given) => {
  expect(answer(given as never)).toMatch(REFUSAL);
});
