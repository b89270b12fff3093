// What a room's worker is asked while other work is under way: one thing at a time, in order.

import { expect, it } from "vitest";
import { RunLoop } from "../../demo/lib/run-loop.ts";

/** A loop whose training notes each slice, and one that counts how many things go on at once. */
function watched() {
  const log: string[] = [];
  let network = "old",
    busy = 0,
    most = 0;
  const during = async (name: string) => {
    most = Math.max(most, ++busy);
    log.push(name);
    await new Promise((resolve) => setTimeout(resolve, 1));
    busy--;
  };
  const loop: RunLoop = new RunLoop(
    async () => {
      while (loop.wanted) {
        loop.beginSlice();
        if (network === "broken") throw new Error("it diverged");
        await during(`slice of ${network}`);
      }
    },
    (error) => log.push(`stopped: ${(error as Error).message}`),
  );
  const replace = (name: string) =>
    loop.alone(async () => {
      await during(`making ${name}`);
      network = name;
    });
  return { loop, log, replace, during, most: () => most };
}

it("trains the new network where Run is pressed while it is being made", async () => {
  const { loop, log, replace, most } = watched();
  const replaced = replace("new");
  await loop.run();
  await replaced;
  await loop.alone(() => Promise.resolve());
  await loop.pause();
  expect(log[0]).toBe("making new");
  expect(log.slice(1)).not.toHaveLength(0);
  expect(new Set(log.slice(1))).toEqual(new Set(["slice of new"]));
  expect(most()).toBe(1);
});

it("goes on after other work, and stays paused where it was", async () => {
  const { loop, log, replace, during, most } = watched();
  await replace("first");
  expect(loop.wanted).toBe(false);
  await loop.run();
  await Promise.all([replace("second"), loop.alone(() => during("look")), replace("third")]);
  expect(loop.wanted).toBe(true);
  await loop.pause();
  const slices = log.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(log).toHaveLength(slices);
  expect(log.at(-1)).toBe("slice of third");
  expect(most()).toBe(1);
});

it("obeys the last of Run, Pause and Run pressed at once", async () => {
  const { loop, log, most } = watched();
  await Promise.all([loop.run(), loop.pause(), loop.run(), loop.run(), loop.pause()]);
  expect(loop.wanted).toBe(false);
  await Promise.all([loop.run(), loop.pause(), loop.run()]);
  expect(loop.wanted).toBe(true);
  await loop.pause();
  expect(log).not.toHaveLength(0);
  expect(most()).toBe(1);
});

it("tells what stopped it, and runs again", async () => {
  const { loop, log, replace } = watched();
  await replace("broken");
  await loop.run();
  await expect(loop.alone(() => Promise.reject(new Error("no plan")))).rejects.toThrow("no plan");
  expect(loop.wanted).toBe(false);
  expect(log).toEqual(["making broken", "stopped: it diverged"]);
  await replace("mended");
  await loop.run();
  await loop.pause();
  expect(log.at(-1)).toBe("slice of mended");
});

it("ends the slice under way when settings change", () => {
  const loop = new RunLoop(
    () => Promise.resolve(),
    () => {},
  );
  const first = loop.beginSlice();
  loop.cutSlice();
  expect([first.aborted, loop.beginSlice().aborted]).toEqual([true, false]);
});
