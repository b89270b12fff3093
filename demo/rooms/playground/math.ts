// Formulas as MathML, each with the same in plain text: for browsers without MathML, and for who reads by ear.

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";

/** A piece of a formula. */
export interface Piece {
  readonly node: Element;
  readonly text: string;
}

function piece(tag: string, text: string, ...children: readonly (Element | string)[]): Piece {
  const node = document.createElementNS(NAMESPACE, tag);
  // A piece may stand in several places: each gets a copy of its own.
  node.append(...children.map((child) => (typeof child === "string" ? child : child.cloneNode(true))));
  return { node, text };
}

export const symbol = (name: string): Piece => piece("mi", name, name);
export const sign = (name: string): Piece => piece("mo", ` ${name} `, name);
/** A bracket or what else stands close to its neighbours. */
export const close = (name: string): Piece => piece("mo", name, name);
export const row = (...pieces: readonly Piece[]): Piece =>
  piece("mrow", pieces.map(({ text }) => text).join(""), ...pieces.map(({ node }) => node));
export const below = (base: Piece, sub: Piece): Piece => piece("msub", `${base.text}_${sub.text}`, base.node, sub.node);
export const above = (base: Piece, sup: Piece): Piece => piece("msup", `${base.text}^${sup.text}`, base.node, sup.node);
/** The derivative of a function. */
export const prime = (of: Piece): Piece => piece("msup", `${of.text}′`, of.node, symbol("′").node);
export const indexed = (base: Piece, sub: Piece, sup: Piece): Piece =>
  piece("msubsup", `${base.text}_${sub.text}^${sup.text}`, base.node, sub.node, sup.node);
export const fraction = (over: Piece, under: Piece): Piece => piece("mfrac", `${over.text}/${under.text}`, over.node, under.node);
export const sumOver = (index: Piece): Piece => {
  const sigma = piece("mo", "Σ", "∑");
  return piece("munder", `Σ_${index.text} `, sigma.node, index.node);
};
export const number = (text: string): Piece => piece("mn", text, text);
/** A number within a sum or a product: negative ones in brackets. */
export const factor = (text: string): Piece => (text.startsWith("−") ? row(close("("), number(text), close(")")) : number(text));

/** Pieces with a sign between each two. */
export const joined = (pieces: readonly Piece[], between: string): Piece =>
  row(...pieces.flatMap((one, i) => (i === 0 ? [one] : [sign(between), one])));

let known: boolean | undefined;

/** Whether the browser lays formulas out: asked once, with a space of known width. */
function laysOutMath(): boolean {
  if (known !== undefined) return known;
  const math = document.createElementNS(NAMESPACE, "math"),
    space = document.createElementNS(NAMESPACE, "mspace");
  space.setAttribute("width", "20px");
  math.append(space);
  const box = document.createElement("div");
  box.style.cssText = "position:absolute;visibility:hidden";
  box.append(math);
  document.body.append(box);
  known = math.getBoundingClientRect().width > 15;
  box.remove();
  return known;
}

/** A formula ready to be shown. */
export function formula(content: Piece): HTMLElement {
  const host = document.createElement("div");
  host.className = "formula";
  host.tabIndex = 0;
  if (!laysOutMath()) {
    host.textContent = content.text;
    return host;
  }
  const math = document.createElementNS(NAMESPACE, "math");
  math.setAttribute("alttext", content.text);
  math.append(content.node.cloneNode(true));
  host.append(math);
  return host;
}
