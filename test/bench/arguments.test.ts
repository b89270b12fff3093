// What the command line chooses.

import { describe, expect, it } from "vitest";
import { settingsOf, wholeNumber, type Flags } from "../../bench/arguments.ts";
import { CONTENDERS } from "../../bench/contenders.ts";
import { firefoxPaths } from "../../bench/firefox.ts";
import { PRODUCTS } from "../../bench/products.ts";
import { RECURRENT } from "../../bench/recurrent.ts";
import { WORKLOADS } from "../../bench/workloads.ts";

const flags = (given: Partial<Flags> = {}): Flags => ({ only: [], quick: false, runtime: "chrome", roofline: false, ...given });
const names = (items: readonly { name: string }[]): string[] => items.map(({ name }) => name);

describe("the arguments", () => {
  it("take everything in three rounds unless told otherwise", () => {
    const settings = settingsOf(flags());
    expect(settings.contenders).toEqual(CONTENDERS);
    expect(settings.workloads).toEqual([...WORKLOADS, ...RECURRENT, ...PRODUCTS]);
    expect(settings.rounds).toBe(3);
    expect(settingsOf(flags({ rounds: 5 })).rounds).toBe(5);
  });

  it("choose contenders and workloads by parts of their names; a word about one says nothing about the other", () => {
    const { contenders, workloads } = settingsOf(flags({ only: ["jax", "2-8-1"] }));
    expect(new Set(names(contenders))).toEqual(new Set(["jax-js webgpu", "jax-js wasm"]));
    expect(names(workloads)).toEqual(["2-8-1 b4 sgd"]);
    expect(names(settingsOf(flags({ only: ["product"] })).workloads)).toEqual(names(PRODUCTS));
    for (const cell of ["rnn", "lstm", "gru"]) {
      expect(names(settingsOf(flags({ only: [cell] })).workloads)).toEqual(names(RECURRENT.filter((one) => one.cell === cell)));
    }
    expect(settingsOf(flags({ only: ["2-8-1"] })).contenders).toEqual(CONTENDERS);
  });

  it("leave out of --quick what is slow, unless it is asked for", () => {
    const quick = settingsOf(flags({ quick: true }));
    expect(names(quick.contenders).some((name) => name.includes("wasm"))).toBe(false);
    expect(names(quick.workloads)).not.toContain("product 2048");
    expect(names(quick.workloads).filter((name) => /rnn|lstm|gru/.test(name))).toEqual(["rnn 65-128 T32 b16 adam"]);
    expect(names(settingsOf(flags({ quick: true, only: ["gru"] })).workloads)).toEqual(["gru 65-128 T32 b16 adam"]);
    expect(quick.rounds).toBe(1);
    expect(names(settingsOf(flags({ quick: true, only: ["product 2048"] })).workloads)).toEqual(["product 2048"]);
    expect(names(settingsOf(flags({ quick: true, only: ["wasm"] })).contenders)).toHaveLength(10);
  });

  it("refuse a word that is part of no name, and rounds that are none", () => {
    expect(() => settingsOf(flags({ only: ["torch"] }))).toThrow("--only torch must be part of a name. Known: deltaprop");
    for (const text of ["0", "1.5", "x", "-1"]) expect(() => wholeNumber(text)).toThrow("whole number");
    expect(wholeNumber("2")).toBe(2);
  });
});

describe("the search for Firefox", () => {
  it("goes through PATH and the usual places of each platform", () => {
    expect(firefoxPaths("linux", { PATH: "/opt/fx" }, "/home/a").slice(0, 2)).toEqual(["/opt/fx/firefox", "/usr/bin/firefox"]);
    expect(firefoxPaths("linux", {}, "/home/a")).toContain("/usr/bin/firefox-esr");
    expect(firefoxPaths("darwin", {}, "/Users/a")).toContain("/Users/a/Applications/Firefox.app/Contents/MacOS/firefox");
    expect(firefoxPaths("win32", { ProgramFiles: "C:\\P" }, "")).toEqual(["C:\\P\\Mozilla Firefox\\firefox.exe"]);
  });
});
