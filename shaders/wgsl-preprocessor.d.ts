// The npm package wgsl-preprocessor ships no types and no main entry; this names the one function that it exports.
declare module "wgsl-preprocessor/wgsl-preprocessor.js" {
  export function wgsl(strings: TemplateStringsArray, ...values: unknown[]): string;
}
