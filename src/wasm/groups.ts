// From a group of operations to one function of the module: what schedule/groups.ts fuses for WGSL is fused here, too.

import { timestepsOf, type OpOf } from "../graph/types.ts";
import { storedOutputs, type Elsewhere, type Group } from "../schedule/groups.ts";
import { isRowWise } from "../schedule/ops.ts";
import {
  f32x4,
  f64x2,
  floats,
  FunctionWriter,
  get,
  i32,
  I32,
  i32x4,
  increase,
  loopWhile,
  select,
  set,
  v128,
  type Code,
  type Local,
} from "./assembler.ts";
import { eachCell, eachPanel, eachRow, Site, SLOT, type Cell } from "./cells.ts";
import { writeMasks } from "./dropout.ts";
import { exampleOf, timestepOf, writeCell } from "./elementwise.ts";
import { GroupWriter, type Emission, type GroupRows, type Terms } from "./emission.ts";
import { PANEL } from "./layout.ts";
import { writeReduce } from "./reduce.ts";
import { writeRows } from "./row-wise.ts";
import { BLOCK_TERMS, MAX_ROWS_IN_ONE_SUM, writeProduct, type Product } from "./tile.ts";

export interface WrittenGroup {
  readonly writer: FunctionWriter;
  readonly extent: GroupRows;
}

export interface GroupContext {
  readonly emission: Emission;
  readonly batch: number;
  readonly groups: readonly Group[];
  readonly views: Elsewhere;
}

function newGroup(emission: Emission): GroupWriter {
  return new GroupWriter(emission, new FunctionWriter([I32, I32, I32]));
}

function written(group: GroupWriter, extent: GroupRows, body: Code): WrittenGroup {
  group.writer.body = body;
  return { writer: group.writer, extent };
}

const rowsTimes = (local: Local, timesteps: number): Code => (timesteps === 1 ? get(local) : i32.mul(get(local), i32.const(timesteps)));

/** Rows of the mini-batch as a whole number. */
export const allRows = (group: GroupWriter, timesteps: number): Code => {
  const rows = group.scalar(SLOT.rows);
  return timesteps === 1 ? rows : i32.mul(rows, i32.const(timesteps));
};

/** Rows order[offset … offset + rows) of the data set, numbers times `scale`; bytes become float32 here. */
function writeGather(group: GroupWriter, { inputs: [data], outputs: [out], source, scale }: OpOf<"gather">): Code {
  const tensor = group.tensor(out),
    { cols } = tensor,
    timesteps = timestepsOf(tensor),
    { writer } = group,
    bytes = source === "uint8" ? 1 : 4;
  const from = writer.scratch("from", 0x7f),
    row = group.writer.scratch("row", 0x7f);
  const place = i32.add(
    group.scalar(SLOT.data.order),
    i32.mul(i32.add(group.scalar(SLOT.offset), exampleOf(get(row), timesteps)), i32.const(4)),
  );
  const first = i32.add(i32.mul(i32.load(place), i32.const(timesteps)), timestepOf(get(row), timesteps));
  const scaled = (value: Code): Code => (scale === 1 ? value : f32x4.mul(value, floats(scale)));
  const read = (address: Code, offset: number): Code =>
    source === "uint8"
      ? scaled(f32x4.fromI32(i32x4.fromBytes(v128.loadWord(address, offset))))
      : source === "float32"
        ? scaled(v128.load(address, offset))
        : v128.load(address, offset);
  return eachRow(writer, rowsTimes(group.from, timesteps), rowsTimes(group.to, timesteps), 1, (local) => [
    set(from, i32.add(group.scalar(SLOT.data[data as keyof typeof SLOT.data]), i32.mul(first, i32.const(cols * bytes)))),
    eachPanel(writer, cols, (panel, cells) => {
      const site = new Site(writer, local, panel),
        constant = typeof panel === "number" ? panel * PANEL * bytes : 0;
      const address = typeof panel === "number" ? get(from) : i32.add(get(from), i32.mul(get(panel), i32.const(PANEL * bytes)));
      return site.wrap(
        Array.from({ length: cells }, (_, quad) => group.store(out, { site, below: 0, quad }, read(address, constant + quad * 4 * bytes))),
      );
    }),
  ]);
}

/** What follows a product or a sum in its registers. */
function finishOf(group: GroupWriter, { ops }: Group, stored: ReadonlySet<string>, bias?: string) {
  const {
    outputs: [output],
  } = ops[0];
  return (cell: Cell, sum: Local): Code => {
    const begin: Code = [
      bias === undefined ? [] : set(sum, f32x4.add(get(sum), group.memory(bias, cell))),
      stored.has(output) ? group.store(output, cell, get(sum)) : [],
    ];
    group.keep(output, sum);
    return [begin, writeCell(group, ops.slice(1), cell, stored)];
  };
}

function writeMatrixProduct(
  context: GroupContext,
  group: GroupWriter,
  whole: Group,
  op: OpOf<"product">,
  stored: ReadonlySet<string>,
): WrittenGroup {
  const { emission } = group,
    {
      form,
      inputs: [left, right, bias],
      outputs: [out],
    } = op;
  const a = emission.layoutOf(left),
    inner = group.tensor(left),
    result = group.tensor(out),
    { cols } = result;
  const finish = finishOf(group, whole, stored, bias);
  if (form === "leftTransposed") {
    const b = emission.layoutOf(right),
      timesteps = timestepsOf(inner),
      terms = group.writer.scratch("terms", 0x7f);
    const product: Product = {
      left: { base: a.base, row: 4, inner: a.rowStride },
      right: { base: b.base, inner: b.rowStride, panel: b.panelStride },
      terms,
      cols,
      blocked: context.batch * timesteps > MAX_ROWS_IN_ONE_SUM,
    };
    const rows = Number(result.rows);
    return written(group, { rows }, [
      set(terms, allRows(group, timesteps)),
      writeProduct(group, product, get(group.from), get(group.to), finish),
    ]);
  }
  const b = form === "normal" ? emission.layoutOf(right) : emission.transposeOf(right),
    timesteps = timestepsOf(result);
  if (!b) throw new Error(`wasm: the transpose of ${right} has no place`);
  const product: Product = {
    left: { base: a.base, row: a.rowStride, inner: 4 },
    right: { base: b.base, inner: b.rowStride, panel: b.panelStride },
    terms: inner.cols,
    cols,
  };
  return written(group, "examples", writeProduct(group, product, rowsTimes(group.from, timesteps), rowsTimes(group.to, timesteps), finish));
}

const nothing = (): Code => [];
const ROW_SUM: Terms = { begin: nothing, term: (address, offset) => v128.load(address, offset), end: nothing };

/** BP3, and moments: sums over rows, blocks of them in float32 and the blocks in float64. */
function writeRowSum(group: GroupWriter, whole: Group, op: OpOf<"rowSum" | "moment">, stored: ReadonlySet<string>): Code {
  const { writer, emission } = group,
    {
      inputs: [delta],
      outputs: [out],
    } = op,
    { base, rowStride, panelStride } = emission.layoutOf(delta);
  const timesteps = timestepsOf(group.tensor(delta)),
    finish = finishOf(group, whole, stored),
    row = writer.scratch("row", 0x7f);
  const [at, end, block] = ["sum at", "sum end", "block end"].map((name) => writer.scratch(name, 0x7f));
  const high = (sum: Local): Code => v128.shuffle(get(sum), get(sum), 2, 3, 2, 3),
    zero = (local: Local): Code => set(local, v128.xor(get(local), get(local)));
  return [
    set(row, i32.const(0)),
    eachPanel(writer, group.tensor(out).cols, (panel, cells) => {
      const site = new Site(writer, row, panel),
        quads = Array.from({ length: cells }, (_, quad) => quad);
      const sums = quads.map((quad) => writer.scratch(`sum 0 ${quad}`)),
        low64 = quads.map((quad) => writer.scratch(`low ${quad}`)),
        high64 = quads.map((quad) => writer.scratch(`high ${quad}`));
      const terms = op.type === "moment" ? group.sequences.terms(group, op) : ROW_SUM;
      const offset = base + (typeof panel === "number" ? panel * panelStride : 0);
      const begun = quads.map((quad) => terms.begin({ site, below: 0, quad }));
      const finished = quads.map((quad) => {
        group.forget();
        return [terms.end(sums[quad]), finish({ site, below: 0, quad }, sums[quad])];
      });
      group.forget();
      const blockEnd = i32.add(get(at), i32.const(BLOCK_TERMS * rowStride));
      return [
        set(at, typeof panel === "number" ? i32.const(0) : i32.mul(get(panel), i32.const(panelStride))),
        site.prelude(),
        begun,
        set(end, i32.add(get(at), i32.mul(allRows(group, timesteps), i32.const(rowStride)))),
        [...low64, ...high64].map(zero),
        loopWhile(i32.ltU(get(at), get(end)), [
          sums.map(zero),
          set(block, select(blockEnd, get(end), i32.ltU(blockEnd, get(end)))),
          loopWhile(i32.ltU(get(at), get(block)), [
            quads.map((quad) => set(sums[quad], f32x4.add(get(sums[quad]), terms.term(get(at), offset + 16 * quad, quad)))),
            increase(at, rowStride),
          ]),
          quads.map((quad) => [
            set(low64[quad], f64x2.add(get(low64[quad]), f64x2.fromF32(get(sums[quad])))),
            set(high64[quad], f64x2.add(get(high64[quad]), f64x2.fromF32(high(sums[quad])))),
          ]),
        ]),
        quads.map((quad) => set(sums[quad], v128.shuffle(f64x2.toF32(get(low64[quad])), f64x2.toF32(get(high64[quad])), 0, 1, 4, 5))),
        site.prelude(),
        finished,
      ];
    }),
  ];
}

function writeElementwise(group: GroupWriter, { ops }: Group, stored: ReadonlySet<string>): WrittenGroup {
  const tensor = group.tensor(ops[0].outputs[0]),
    timesteps = timestepsOf(tensor);
  const cells = eachCell(group.writer, tensor.cols, rowsTimes(group.from, timesteps), rowsTimes(group.to, timesteps), (cell) => {
    group.forget();
    return writeCell(group, ops, cell, stored);
  });
  return written(group, tensor.rows === "batch" ? "examples" : { rows: tensor.rows }, cells);
}

/** The masks that the group's dropout ops read, where it is the first to meet their layers. */
export function masksOf(emission: Emission, { ops }: Group, drawn: Set<number>): WrittenGroup[] {
  return ops.flatMap((op) => {
    if (op.type !== "dropout" || drawn.has(op.layer)) return [];
    drawn.add(op.layer);
    const group = newGroup(emission);
    return [written(group, "examples", writeMasks(group, op))];
  });
}

export function writeGroup(context: GroupContext, whole: Group): WrittenGroup {
  const { emission, groups, views } = context,
    group = newGroup(emission),
    [op] = whole.ops;
  const stored = storedOutputs(emission.graph, whole, groups, views);
  if (whole.ops.some(({ type }) => isRowWise(type))) {
    const rows = group.tensor(op.outputs[0]);
    return written(group, "examples", writeRows(group, whole.ops, timestepsOf(rows)));
  }
  switch (op.type) {
    case "gather":
      return written(group, "examples", writeGather(group, op));
    case "product":
      return writeMatrixProduct(context, group, whole, op, stored);
    case "rowSum":
    case "moment":
      return written(group, "whole", writeRowSum(group, whole, op, stored));
    case "penalty":
    case "clipFactor":
    case "summarize":
    case "countSteps":
      return written(group, "whole", writeReduce(group, whole.ops));
    default: {
      const other = emission.sequences?.group(group, whole, stored);
      return other ? written(group, other.extent, other.body) : writeElementwise(group, whole, stored);
    }
  }
}

/** Copies the result of an op to where it is read: a row after the other, without padding. */
export function writeResults(emission: Emission, result: string): WrittenGroup {
  const group = newGroup(emission),
    tensor = group.tensor(result),
    { cols } = tensor,
    { writer } = group,
    to = writer.scratch("to", 0x7f);
  const rows = tensor.rows === "batch" ? allRows(group, timestepsOf(tensor)) : i32.const(tensor.rows);
  return written(
    group,
    "whole",
    eachRow(writer, i32.const(0), rows, 1, (row) => [
      set(to, i32.add(group.scalar(SLOT.results), i32.mul(get(row), i32.const(cols * 4)))),
      // What is written beyond the last column the next row overwrites.
      eachPanel(writer, cols, (panel, cells) => {
        const site = new Site(writer, row, panel),
          constant = typeof panel === "number" ? panel * PANEL * 4 : 0;
        const address = typeof panel === "number" ? get(to) : i32.add(get(to), i32.mul(get(panel), i32.const(PANEL * 4)));
        return site.wrap(
          Array.from({ length: cells }, (_, quad) =>
            v128.store(address, group.memory(result, { site, below: 0, quad }), constant + 16 * quad),
          ),
        );
      }),
    ]),
  );
}
