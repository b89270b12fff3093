// The command of a bench, run: what goes wrong is one line and an exit code.

import type { Command } from "commander";

export function runCommand(command: Command, say: (line: string) => void): void {
  command.parseAsync().catch((error: unknown) => {
    say(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
