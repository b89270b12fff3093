// The Content-Security-Policy that the built page works under; SECURITY.md recommends it to whoever publishes the page.

import type { Plugin } from "vite";

const DIRECTIVES = [
  // 'wasm-unsafe-eval' lets the WebAssembly engine compile its modules, and allows no eval() of text.
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

/** As a header of every answer, workers' scripts too. */
export const CONTENT_SECURITY_POLICY = DIRECTIVES.join("; ");

/** What a <meta> of the page can say: browsers ignore frame-ancestors there, and workers do not read it. */
export const META_POLICY = DIRECTIVES.filter((directive) => !directive.startsWith("frame-ancestors")).join("; ");

/** Puts it first into the built page, before anything that it may stop. The development server needs scripts of its own in the page. */
export const policyInPage = (): Plugin => ({
  name: "policy-in-page",
  apply: "build",
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: META_POLICY }, injectTo: "head-prepend" },
  ],
});
