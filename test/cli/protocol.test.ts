// What crosses between the command and its page: numbers that JSON has no word for, and errors.

import { expect, it } from "vitest";
import { fromJson, fromSent, toJson, toSent } from "../../src/cli/protocol.ts";
import { InputError } from "../../src/errors.ts";

it("keeps NaN and infinity wherever they are: a diverging run has them in its logs and its result", () => {
  const logs = { loss: NaN, val_loss: -Infinity };
  const result = { logs, trainLoss: Infinity, testLoss: null, losses: [1.5, NaN], adapter: "NaN" };
  expect(fromJson(toJson(result))).toEqual(result);
  expect(fromJson(toJson(NaN))).toBeNaN();
});

it("gives errors of the library back with their name, and says of others where they come from", () => {
  const sent = (error: unknown) => fromSent(fromJson(toJson(toSent(error))) as ReturnType<typeof toSent>);
  expect(sent(new InputError("fit(): no."))).toMatchObject({ name: "InputError", message: "fit(): no." });
  expect(sent(new RangeError("too far")).message).toBe("in the page: RangeError: too far");
});
