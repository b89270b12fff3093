// Sums in blocks of blocks, in a fixed order: what loops over the rows of a huge mini-batch declare, do behind each block of terms, and
// do last. src/graph/long-sums.ts says when and why. Loaded for plans that have such sums.
//   name_up0   sum of the blocks of 32 terms since the last block of blocks, name_up1 of those, …; `blocks` counts blocks of terms

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import type { BlockWriter, Sum } from "./kernel.wgsl.ts";
import { range } from "./product-part.wgsl.ts";

/** Terms of a block, and blocks of a block. */
export const BLOCK = 32;

const declareBlocks = (sums: readonly Sum[], levels: number): string =>
  `var blocks = 0u; ${sums.flatMap(({ name, type }) => range(levels).map((level) => `var ${name}_up${level} = ${type}();`)).join(" ")}`;

const moveUp = (sums: readonly Sum[], from: (name: string) => string, to: (name: string) => string): string =>
  sums.map(({ name, type }) => `${to(name)} += ${from(name)}; ${from(name)} = ${type}();`).join(" ");

/** Behind each block of terms. */
const closeBlock = (sums: readonly Sum[], levels: number): string => {
  const above = (level: number): string =>
    level >= levels
      ? ""
      : `if (blocks % ${BLOCK ** level}u == 0u) { ` +
        `${moveUp(
          sums,
          (name) => `${name}_up${level - 1}`,
          (name) => `${name}_up${level}`,
        )} ${above(level + 1)} }`;
  return `blocks++; ${moveUp(
    sums,
    (name) => name,
    (name) => `${name}_up0`,
  )} ${above(1)}`;
};

/** The variables hold all that was added, smaller sums first. */
const addBlocks = (sums: readonly Sum[], levels: number): string =>
  sums
    .map(({ name }) =>
      range(levels)
        .map((level) => `${name} += ${name}_up${level};`)
        .join(" "),
    )
    .join(" ");

/** What puts a loop that adds to sums into loops over blocks. @param levels of blocks above the terms, ≥ 1 */
export const blocks =
  (levels: number): BlockWriter =>
  (sums, first, end, stride, loop) => wgsl`${declareBlocks(sums, levels)}
    for (var block_start = ${first}; block_start < ${end}; block_start += ${BLOCK * stride}u) {
      ${loop("block_start", `min(block_start + ${BLOCK * stride}u, ${end})`)}
      ${closeBlock(sums, levels)}
    }
    ${addBlocks(sums, levels)}`;
