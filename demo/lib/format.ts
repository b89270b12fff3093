// Numbers in text: short, with a true minus sign, powers of ten as in books.

/** "-1.39e-5" → "−1.39·10⁻⁵". */
export const typeset = (text: string): string =>
  text
    .replace(
      /e([+-]?)(\d+)$/,
      (_, sign: string, digits: string) =>
        `·10${sign === "-" ? "⁻" : ""}${[...digits].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("")}`,
    )
    .replace(/^-/, "−");

/** So many digits that count. */
export function short(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return "NaN";
  if (value === 0) return "0";
  const size = Math.abs(value);
  return typeset(size >= 1e4 || size < 1e-3 ? value.toExponential(Math.min(digits, 3) - 1) : String(Number(value.toPrecision(digits))));
}

/** Two places behind the point. */
export const place = (value: number): string => typeset(value.toFixed(2));

/** All digits that float32 keeps apart. */
export function long(value: number): string {
  if (!Number.isFinite(value)) return "NaN";
  return value === 0 ? "0" : typeset(Math.abs(value) < 1e-3 ? value.toExponential(8) : value.toPrecision(9));
}
