// A Vitest reporter for `npm run test:hosts`: writes what the tests came to where the environment says, and nothing otherwise.

import { writeFileSync } from "node:fs";
import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";
import { OUTCOME_FILE, type Outcome, type Skipped } from "../hosts/outcome.ts";

export default class OutcomeReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const file = process.env[OUTCOME_FILE];
    if (file !== undefined) writeFileSync(file, JSON.stringify(outcomeOf(modules, errors)));
  }
}

/** A test that neither passed nor was skipped has failed, whatever else Vitest calls it. */
function outcomeOf(modules: readonly TestModule[], errors: readonly SerializedError[]): Outcome {
  let passed = 0;
  const skipped: Skipped[] = [],
    failed = errors.map(({ message }) => `outside of any test: ${message.split("\n")[0]}`);
  for (const module of modules) {
    for (const { message } of module.errors()) failed.push(`${module.relativeModuleId}: ${message.split("\n")[0]}`);
    for (const test of module.children.allTests()) {
      const name = `${module.relativeModuleId} > ${test.fullName}`,
        result = test.result();
      if (result.state === "passed") passed++;
      else if (result.state === "skipped") skipped.push({ name, note: result.note ?? "no reason given" });
      else failed.push(name);
    }
    for (const suite of module.children.allSuites()) {
      for (const { message } of suite.errors()) failed.push(`${module.relativeModuleId} > ${suite.fullName}: ${message.split("\n")[0]}`);
    }
  }
  return { passed, failed, skipped };
}
