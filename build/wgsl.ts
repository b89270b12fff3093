// Resolves the templates of shaders/ when the library is built: wgsl`…` becomes a plain template literal, its #if … #endif a
// `? :` within, and comments and indentation go. So nobody loads the preprocessor, which the sources use as they are.

import { parseSync, type Plugin } from "vite";

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}
interface Template extends Node {
  readonly quasis: readonly (Node & { value: { raw: string } })[];
  readonly expressions: readonly Node[];
}
interface Tagged extends Node {
  readonly tag: Node & { name?: string };
  readonly quasi: Template;
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && "type" in value;

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const child of Object.values(node).flat()) if (isNode(child)) walk(child, visit);
}

/** One line stays one line, so that what a device says of line 12 can be found. */
const withoutComments = (text: string): string => text.replace(/[ \t]*\/\/.*$/gm, "").replace(/\n\s+/g, "\n");

/** The edits of one template; those within its expressions are made by themselves. */
function resolveTemplate(code: string, { start, quasis, expressions }: Template): Edit[] {
  const edits: Edit[] = [];
  /** The #if that are open, and whether their #else has come. */
  const open: { hasElse: boolean }[] = [];
  let at = start + 1;
  quasis.forEach(({ value: { raw } }, i) => {
    const isCondition = /#if\s*$/.test(raw),
      isLast = i === expressions.length;
    if (!isLast && raw.slice(raw.lastIndexOf("\n") + 1).includes("//")) throw new Error(`a WGSL comment may hold no expression: ${raw}`);
    const text = withoutComments(raw)
      .replace(/#if\s*$/, "")
      .replace(/#(\w+)/g, (_, word: string) => {
        const innermost = open.at(-1);
        if (!innermost || (word !== "else" && word !== "endif")) throw new Error(`#${word} has no place here: ${raw}`);
        if (word === "else") {
          innermost.hasElse = true;
          return "` : `";
        }
        open.pop();
        return innermost.hasElse ? "`}" : '` : ""}';
      });
    edits.push({ start: at, end: at + raw.length, text });
    if (isLast) return;
    const { end } = expressions[i];
    if (code[end] !== "}") throw new Error(`\${…} must close right behind its expression: ${code.slice(at, end)}`);
    at += raw.length + 2;
    if (isCondition) {
      open.push({ hasElse: false });
      edits.push({ start: at, end: at, text: "(" }, { start: end, end: end + 1, text: ") ? `" });
    }
    at = end + 1;
  });
  if (open.length > 0) throw new Error(`an #if has no #endif: ${quasis[0].value.raw}`);
  return edits;
}

/** A module of shaders/ without its preprocessor. @throws Error where a template is none that it knows */
export function resolveWgsl(fileName: string, code: string): string {
  const edits: Edit[] = [];
  walk(parseSync(fileName, code).program, (node) => {
    const { start, end } = node;
    if (node.type === "ImportDeclaration" && code.slice(start, end).includes("wgsl-preprocessor")) edits.push({ start, end, text: "" });
    if (node.type !== "TaggedTemplateExpression" || (node as Tagged).tag.name !== "wgsl") return;
    const { quasi } = node as Tagged;
    edits.push({ start, end: quasi.start, text: "" }, ...resolveTemplate(code, quasi));
  });
  return edits
    .sort((a, b) => b.start - a.start || b.end - a.end)
    .reduce((text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end), code);
}

export const wgslAtBuild = (): Plugin => ({
  name: "wgsl-at-build",
  enforce: "pre",
  transform: {
    filter: { id: /\/shaders\/[\w-]+\.wgsl\.ts$/ },
    handler: (code, id) => ({ code: resolveWgsl(id, code), map: null }),
  },
});
