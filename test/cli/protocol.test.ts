// What crosses between the command and its page: numbers that JSON has no word for, and errors.

import { expect, it } from "vitest";
import { arraysIn, fromJson, fromSent, pack, toJson, toSent, unpack } from "../../src/cli/protocol.ts";
import { DeltapropError, DeviceLostError, DivergenceError, InputError, OutOfMemoryError } from "../../src/errors.ts";

it("keeps NaN and infinity wherever they are: a diverging run has them in its logs and its result", () => {
  const logs = { loss: NaN, val_loss: -Infinity };
  const result = { logs, trainLoss: Infinity, testLoss: null, losses: [1.5, NaN], adapter: "NaN" };
  expect(fromJson(toJson(result))).toEqual(result);
  expect(fromJson(toJson(NaN))).toBeNaN();
});

it("gives errors of the library back with their name, and says of others where they come from", () => {
  const sent = (error: unknown) => fromSent(fromJson(toJson(toSent(error))) as ReturnType<typeof toSent>);
  expect(sent(new InputError("fit(): no."))).toMatchObject({ name: "InputError", message: "fit(): no." });
  for (const error of [new DivergenceError("fit(): step 3.", 3, 0.5, "z1"), new DeviceLostError("gone"), new OutOfMemoryError("full", 9)]) {
    expect(sent(error)).toBeInstanceOf(DeltapropError);
    expect(sent(error)).toMatchObject({ name: error.name, message: error.message });
  }
  expect(sent(new RangeError("too far")).message).toBe("in the page: RangeError: too far");
});

it("sends typed arrays beside the JSON, Node's Buffer and parts of a longer array too", () => {
  const long = Float32Array.of(9, 1.5, NaN, 9);
  const value = {
    kind: "text",
    empty: new Uint8Array(),
    list: [{ data: long.subarray(1, 3) }, Uint32Array.of(2 ** 32 - 1)],
    file: Buffer.from([7, 0, 255]),
    none: null,
  };
  const { json, arrays } = pack(value);
  expect([arraysIn(json), arrays.length]).toEqual([4, 4]);
  expect(
    unpack(
      json,
      arrays.map((array) => Uint8Array.from(array)),
    ),
  ).toEqual({
    kind: "text",
    empty: new Uint8Array(),
    list: [{ data: Float32Array.of(1.5, NaN) }, Uint32Array.of(2 ** 32 - 1)],
    file: Uint8Array.of(7, 0, 255),
    none: null,
  });
});
