// The check of products: what a right answer is, and that wrong ones, however slightly, do not pass for it.

import { describe, expect, it } from "vitest";
import { compareProduct } from "../../bench/agreement.ts";
import { flopsOf, makeOperands, productError, PRODUCTS, rowsToCompare, type Operands, type Product } from "../../bench/products.ts";

/** In float32 throughout, terms in ascending order. */
function multiply({ form, m, k, n }: Product, { left, right }: Operands): Float32Array {
  const out = new Float32Array(m * n);
  for (let row = 0; row < m; row++) {
    for (let col = 0; col < n; col++) {
      let sum = 0;
      for (let term = 0; term < k; term++) {
        const a = left[form === "leftTransposed" ? term * m + row : row * k + term];
        sum = Math.fround(sum + Math.fround(a * right[form === "rightTransposed" ? col * k + term : term * n + col]));
      }
      out[row * n + col] = sum;
    }
  }
  return out;
}

const SMALL: readonly Product[] = (["normal", "rightTransposed", "leftTransposed"] as const).map((form) => ({
  kind: "product",
  name: form,
  form,
  m: 33,
  k: 65,
  n: 17,
}));

/** What a device computes that stores operands in half precision: 11 significant bits. */
function halved(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return values.map((value) => {
    const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10);
    return Math.round(value / unit) * unit;
  });
}

describe.each(SMALL)("the check of a product, $name", (product) => {
  const operands = makeOperands(product),
    right = multiply(product, operands);
  const changed = (at: number, value: number) => Float32Array.from(right, (old, i) => (i === at ? value : old));

  it("accepts the float32 product", () => {
    expect(compareProduct(productError(product, operands, right))).toMatchObject({ ok: true });
  });

  it("control: rejects one number off by 10⁻⁴, the first, one in the middle and the last", () => {
    for (const at of [0, 300, right.length - 1]) {
      expect(compareProduct(productError(product, operands, changed(at, right[at] + 1e-4)))).toMatchObject({ ok: false });
    }
  });

  it("control: rejects NaN, infinity, a missing row and an answer of zeros", () => {
    for (const at of [0, 300, right.length - 1]) {
      expect(productError(product, operands, changed(at, NaN))).toBeNaN();
      expect(compareProduct(productError(product, operands, changed(at, NaN)))).toMatchObject({ ok: false });
      expect(compareProduct(productError(product, operands, changed(at, Infinity)))).toMatchObject({ ok: false });
    }
    expect(compareProduct(productError(product, operands, right.slice(product.n)))).toMatchObject({ ok: false });
    expect(compareProduct(productError(product, operands, new Float32Array(right.length)))).toMatchObject({ ok: false });
  });

  it("control: rejects a term too few", () => {
    const { m, k, n, form } = product,
      left = operands.left.slice();
    for (let row = 0; row < m; row++) left[form === "leftTransposed" ? (k - 1) * m + row : row * k + k - 1] = 0;
    expect(compareProduct(productError(product, operands, multiply(product, { ...operands, left })))).toMatchObject({ ok: false });
    expect(n).toBe(17);
  });

  it("control: rejects operands rounded to half precision", () => {
    const rounded = { ...operands, left: halved(operands.left), right: halved(operands.right) };
    expect(compareProduct(productError(product, operands, multiply(product, rounded)))).toMatchObject({ ok: false });
  });
});

describe("a large product", () => {
  // As many terms as make the check take samples, without the time of a square one.
  const product: Product = { kind: "product", name: "large", form: "normal", m: 2100, k: 128, n: 1024 };
  const operands = makeOperands(product),
    right = multiply(product, operands);

  it("is compared in full for some rows, the first and the last among them", () => {
    const rows = rowsToCompare(product);
    expect(rows).toEqual(expect.arrayContaining([0, 2099]));
    expect(rows.length).toBeLessThan(80);
    expect(compareProduct(productError(product, operands, right))).toMatchObject({ ok: true });
  });

  it("control: rejects a wrong tile and a NaN in rows that are not among them", () => {
    const row = [...right.keys()].find((at) => !rowsToCompare(product).includes(at))!;
    const tile = right.slice().fill(0, row * product.n + 100, row * product.n + 116),
      none = right.slice();
    none[row * product.n + 5] = NaN;
    expect(compareProduct(productError(product, operands, tile))).toMatchObject({ ok: false });
    expect(productError(product, operands, none)).toBeNaN();
  });
});

describe("the products", () => {
  it("are those of a layer's three forms and three squares", () => {
    expect(PRODUCTS.map(flopsOf)).toEqual([2 * 512 ** 3, 2 * 1024 ** 3, 2 * 2048 ** 3, ...Array<number>(3).fill(2 * 64 * 784 * 128)]);
    for (const product of PRODUCTS) {
      const { left, leftShape, right, rightShape } = makeOperands({ ...product, m: 3, k: 5, n: 7 });
      expect(left).toHaveLength(leftShape[0] * leftShape[1]);
      expect(right).toHaveLength(rightShape[0] * rightShape[1]);
    }
  });
});
