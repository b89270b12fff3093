// Finds another device when the GPU is lost, and gives it the state that training goes on from.

import { DeviceLostError } from "../../errors.ts";
import type { Backend } from "../backend/backend.ts";
import type { Snapshot } from "./journal.ts";
import type { CompileOptions } from "../call/options.ts";
import type { Carried } from "../data/states.ts";

/** Devices that may be lost one after the other with nothing achieved in between. */
const MAX_RECOVERIES = 2;

/** A host that lost its GPU may offer none for a while: how long to wait before each try, in milliseconds. */
const PATIENCE = [0, 100, 400, 1500, 4000];

/** Tries until `open` gives a backend that is not lost. @param device what compile() was given. @throws DeviceLostError if there is none */
export async function reopen(device: CompileOptions["device"], open: () => Promise<Backend>): Promise<Backend> {
  if (device && typeof device !== "function") {
    throw new DeviceLostError(
      "the GPU was lost: the device that compile() was given is gone. Pass compile() a function that " +
        "gives a device, so that it can be asked for another.",
    );
  }
  let cause: unknown;
  for (const milliseconds of PATIENCE) {
    if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
    try {
      const backend = await open();
      if (!backend.isLost) return backend;
      cause = new Error("the new device is lost as well");
    } catch (error) {
      cause = error;
    }
  }
  throw new DeviceLostError(
    "the GPU was lost, and the host gives no other " +
      `(${cause instanceof Error ? cause.message : String(cause)}). Reload the page, or compile again with backend: "wasm".`,
    { cause },
  );
}

/**
 * A backend that has the state of the snapshot.
 * @param recoveries how many came before, since something was achieved
 * @param session what its snapshot is when the backend is there counts
 * @throws DeviceLostError if there is no other device, or too many were lost in a row
 */
export async function anotherBackend(
  where: string,
  recoveries: number,
  session: { readonly snapshot: Snapshot },
  reopen: () => Promise<Backend>,
): Promise<Backend> {
  if (recoveries === MAX_RECOVERIES) {
    throw new DeviceLostError(
      `${where}(): the GPU was lost ${MAX_RECOVERIES + 1} times in a row. getWeights() gives the last good ` +
        `weights, those after step ${session.snapshot.progress.steps}, and compile() starts from them.`,
    );
  }
  let backend: Backend;
  try {
    backend = await reopen();
  } catch (error) {
    if (error instanceof DeviceLostError) error.message = `${where}(): ${error.message}`;
    throw error;
  }
  try {
    await backend.write(session.snapshot.state);
  } catch (error) {
    backend.dispose();
    throw error;
  }
  return backend;
}

/** @param predicted what stateful layers carry from predict() to predict(): it was lost with the GPU */
export function tellOfLoss(where: string, { adapter }: Backend, { progress }: Snapshot, predicted: Carried | null): void {
  console.warn(
    `deltaprop: ${where}(): the GPU was lost. Going on with another device (${adapter}) and the weights after ` + `step ${progress.steps}.`,
  );
  if (!predicted?.stateRows) return;
  predicted.stateRows = 0;
  console.warn("deltaprop: what stateful layers carried from predict() to predict() was lost with it: they start from 0.");
}

/** Who was told that fit() failed would train all of it twice. */
export function tellOfUnread({ message }: Error): void {
  console.warn(`deltaprop: fit(): what was trained cannot be read back, and would be lost with the GPU. (${message})`);
}
