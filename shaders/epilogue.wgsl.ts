// An epilogue: what is done with each number that a kernel computes, while it is still in a register.
// Kernels call a function (value, row, col); schedule/epilogue.ts writes its body out of elementwise ops.

export interface Epilogue {
  /** Functions at module scope that the body needs. */
  readonly functions: string;
  /** Statements on `value`, `row`, `col` and `element` (= row·cols + col). */
  readonly body: string;
}

export const finishFunction = (name: string, epilogue: Epilogue, cols: number): string => `${epilogue.functions}
fn ${name}(value: f32, row: u32, col: u32) {
  let element = row * ${cols}u + col;
  ${epilogue.body}
}
`;
