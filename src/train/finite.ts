// What counts as a number: what float32 has, since that is how weights leave a model, whatever its backend computes in.

export const allFinite = (numbers: ArrayLike<number>): boolean =>
  Array.prototype.every.call(numbers, (value: number) => Number.isFinite(Math.fround(value)));
