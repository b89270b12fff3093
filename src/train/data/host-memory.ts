// What the host's own memory does not hold: typed arrays that cannot be allocated.

import { OutOfMemoryError } from "../../errors.ts";

/** An OutOfMemoryError in place of the host's RangeError; any other error as it is. @param what would take `bytes`, for the message */
export const asOutOfMemory = (error: unknown, what: string, bytes: number, remedy: string): unknown =>
  error instanceof RangeError
    ? new OutOfMemoryError(
        `${what} would take ${bytes} bytes, and this host has no memory for them (${error.message}). ${remedy}`,
        bytes,
        null,
        null,
        { cause: error },
      )
    : error;
