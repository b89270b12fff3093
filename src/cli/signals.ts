// Ctrl-C: the first asks the job to stop at a step boundary, the second ends the process at once.

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** npm passes a Ctrl-C on to the process that the terminal has already told: the echo is not a second one. */
const ECHO_MILLIS = 300;

export interface Stop {
  readonly signal: AbortSignal;
  /** What the shell expects of a program that a signal stopped; 0 while none has come. */
  exitCode(): number;
  /** Whether `error` only says that the stop came before there was a step to stop at. */
  isReason(error: unknown): boolean;
  release(): void;
}

/** @param onStop tells the user that the request was heard */
export function stopOnSignals(onStop: () => void): Stop {
  const controller = new AbortController();
  let code = 0,
    since = 0;
  const heard = (name: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      code = EXIT_CODES[name as keyof typeof EXIT_CODES];
      since = performance.now();
      onStop();
      controller.abort();
    } else if (performance.now() - since > ECHO_MILLIS) {
      process.exit(code);
    }
  };
  const names = Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[];
  for (const name of names) process.on(name, heard);
  return {
    signal: controller.signal,
    exitCode: () => code,
    isReason: (error) => controller.signal.aborted && error === controller.signal.reason,
    release: () => names.forEach((name) => process.off(name, heard)),
  };
}
