// What the GPU tests import from "vitest", when they are bundled to run without it: its own runner, expectations and spies.

import {
  chai,
  ASYMMETRIC_MATCHERS_OBJECT,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  getState,
  setState,
  type ExpectStatic,
} from "@vitest/expect";
import { getCurrentTest } from "@vitest/runner";
import { fn, restoreAllMocks, spyOn } from "@vitest/spy";

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, onTestFailed, onTestFinished, suite, test } from "@vitest/runner";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

function createExpect(): ExpectStatic {
  const call = (value: unknown, message?: string): unknown => {
    const assertion = chai.expect(value, message) as unknown as { withTest(test: unknown): unknown },
      test = getCurrentTest();
    return test ? assertion.withTest(test) : assertion;
  };
  const expect = Object.assign(
    call,
    chai.expect,
    (globalThis as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT],
  ) as unknown as ExpectStatic;
  expect.getState = () => getState(expect);
  expect.setState = (state) => setState(state as never, expect);
  setState({ assertionCalls: 0, isExpectingAssertions: false }, expect);
  return expect;
}

export const expect = createExpect();
// Where matchers look for their state.
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, writable: true, configurable: true });

export const vi = { fn, restoreAllMocks, spyOn };

/** Nothing is provided: tests run on WebGPU. */
export const inject = (): undefined => undefined;
