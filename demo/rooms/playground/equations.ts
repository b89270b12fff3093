// The four equations of backpropagation and the update for one neuron, in symbols and with the numbers of one step.
//
// z = Σₖ wⱼₖ·aₖ + bⱼ   a = f(z)   BP1 δᴸ = ∇ₐC ⊙ σ′(zᴸ)   BP2 δˡ = ((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ f′(zˡ)   BP3 ∂C/∂b = δ   BP4 ∂C/∂w = aₖ·δⱼ
// As Nielsen has it: wⱼₖ leads to neuron j from neuron k. f is written by its name, σ is the sigmoid alone.

import { above, below, close, factor, fraction, indexed, joined, number, prime, row, sign, sumOver, symbol, type Piece } from "./math.ts";
import { short } from "../../lib/format.ts";
import type { StepApart } from "./messages.ts";

/** One number of the step that an equation ends in: where it is among the tensors. */
export interface Result {
  readonly tensor: string;
  readonly index: number;
}

export interface Filled {
  readonly lines: readonly Piece[];
  readonly results: readonly Result[];
}

/** The numbers of a step by the names of the textbook. */
export class StepNumbers {
  constructor(readonly step: StepApart) {}

  /** Layers with weights. */
  get depth(): number {
    return this.step.config.layers.length + 1;
  }

  has(name: string): boolean {
    return this.step.tensors.some((tensor) => tensor.name === name);
  }

  tensor(name: string) {
    const found = this.step.tensors.find((tensor) => tensor.name === name);
    if (!found) throw new Error(`the step has no ${name}`);
    return found;
  }

  /** What was computed: by the GPU, or by the reference where there is none. */
  values(name: string): ArrayLike<number> {
    const { gpu, reference } = this.tensor(name);
    return gpu ?? reference;
  }

  weight(l: number, k: number, j: number): number {
    const {
      values,
      shape: [, cols],
    } = this.#given(`w${l}`);
    return values[k * cols + j];
  }

  bias(l: number, j: number): number {
    return this.#given(`b${l}`).values[j];
  }

  /** Names of a layer's answers: x before the first, z itself where σ is the identity. */
  answers(l: number): string {
    return l === 0 ? "x" : this.has(`a${l}`) ? `a${l}` : `z${l}`;
  }

  /** What BP4 left: with a penalty its gradient is added to these afterwards. */
  gradient(l: number): string {
    return this.has(`data_grad_w${l}`) ? `data_grad_w${l}` : `grad_w${l}`;
  }

  units(l: number): number {
    return this.tensor(`z${l}`).shape[1];
  }

  fanIn(l: number): number {
    return this.#given(`w${l}`).shape[0];
  }

  #given(name: string) {
    const found = this.step.given.find((tensor) => tensor.name === name);
    if (!found) throw new Error(`the step has no ${name}`);
    return found;
  }
}

const [C, W, A, Z, B, DELTA, SIGMA, Y, K, J] = ["C", "w", "a", "z", "b", "δ", "σ", "y", "k", "j"].map(symbol);
const PRIME = prime(SIGMA),
  ETA = symbol("η");
/** Of hidden layers; names that people write. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  sigmoid: "σ",
  relu: "ReLU",
  leakyRelu: "LeakyReLU",
  elu: "ELU",
  gelu: "GELU",
  geluTanh: "GELU",
  swish: "swish",
};
/** The activation function of layer l: the last one is a sigmoid. */
const functionOf = (
  {
    depth,
    step: {
      config: { activation },
    },
  }: StepNumbers,
  l: number,
): Piece => (l === depth ? SIGMA : symbol(FUNCTIONS[activation] ?? activation));
const equals = sign("="),
  times = sign("·"),
  plus = sign("+");
const n = (value: number): Piece => number(short(value)),
  f = (value: number): Piece => factor(short(value));
/** An answer close to its target, with enough digits to be told from it. */
const exact = (value: number): Piece => number(short(value, 8));
const of = (name: Piece, inside: Piece): Piece => row(name, close("("), inside, close(")"));
const layer = (l: number): Piece => number(String(l));
const at = (base: Piece, j: Piece, l: number): Piece => indexed(base, j, layer(l));
const both = (k: Piece, j: Piece): Piece => row(k, j);
/** The place of a weight in numbers: to neuron j, from neuron k, both from 0. */
const to = (j: number, k: number): Piece => row(number(String(j + 1)), close(","), number(String(k + 1)));
const partial = (of: Piece): Piece => fraction(row(symbol("∂"), C), row(symbol("∂"), of));

/** So many terms fit a line, and so many a narrow one. */
const LINE_TERMS = 3,
  NARROW_TERMS = 1;
/** Where the page is narrow; equations are set anew when it changes. */
export const narrow = (): MediaQueryList => matchMedia("(max-width: 46rem)");

/** A sum over as many lines as it takes. */
function sumLines(name: Piece, terms: readonly Piece[], total: Piece): Piece[] {
  const isNarrow = narrow().matches,
    most = isNarrow ? NARROW_TERMS : LINE_TERMS,
    lines: Piece[] = [];
  for (let at = 0; at < terms.length; at += most) {
    const part = joined(terms.slice(at, at + most), "+"),
      isLast = at + most >= terms.length;
    lines.push(row(...(at === 0 ? [name, equals] : [plus]), part, ...(isLast && !isNarrow ? [equals, total] : [])));
  }
  if (isNarrow) lines.push(row(equals, total));
  return lines;
}

const count = (length: number): number[] => [...Array(length).keys()];

export function forward(numbers: StepNumbers, l: number, j: number): Filled {
  const inputs = numbers.values(numbers.answers(l - 1)),
    z = numbers.values(`z${l}`)[j],
    answers = numbers.answers(l),
    jj = number(String(j + 1));
  const terms = count(numbers.fanIn(l)).map((k) => row(f(numbers.weight(l, k, j)), times, f(inputs[k])));
  const sigma = numbers.has(`a${l}`);
  return {
    lines: [
      row(at(Z, J, l), equals, sumOver(K), at(W, both(J, K), l), at(A, K, l - 1), plus, at(B, J, l)),
      ...sumLines(at(Z, jj, l), [...terms, f(numbers.bias(l, j))], n(z)),
      ...(sigma ? [row(at(A, jj, l), equals, of(functionOf(numbers, l), n(z)), equals, n(numbers.values(answers)[j]))] : []),
    ],
    results: [{ tensor: `z${l}`, index: j }, ...(sigma ? [{ tensor: answers, index: j }] : [])],
  };
}

/** @param y the target */
export function bp1(numbers: StepNumbers, y: number): Filled {
  const l = numbers.depth,
    a = numbers.values(`a${l}`)[0],
    delta = numbers.values(`delta${l}`)[0],
    aL = above(A, layer(l)),
    zL = above(Z, layer(l));
  const results = [{ tensor: `delta${l}`, index: 0 }],
    general = row(above(DELTA, layer(l)), equals, below(symbol("∇"), A), C, sign("⊙"), of(PRIME, zL));
  if (numbers.step.config.loss === "crossentropy") {
    return {
      results,
      lines: [row(general, equals, aL, sign("−"), Y), row(above(DELTA, layer(l)), equals, exact(a), sign("−"), n(y), equals, n(delta))],
    };
  }
  const slope = numbers.values(`slope_z${l}`)[0];
  return {
    results,
    lines: [
      row(general, equals, close("("), aL, sign("−"), Y, close(")"), times, of(PRIME, zL)),
      row(above(DELTA, layer(l)), equals, close("("), exact(a), sign("−"), n(y), close(")"), times, f(slope), equals, n(delta)),
    ],
  };
}

/** For a hidden layer l. */
export function bp2(numbers: StepNumbers, l: number, j: number): Filled {
  const next = numbers.values(`delta${l + 1}`),
    delta = numbers.values(`delta${l}`)[j],
    jj = number(String(j + 1));
  const terms = count(numbers.units(l + 1)).map((k) => row(f(numbers.weight(l + 1, j, k)), times, f(next[k])));
  const slope = numbers.has(`slope_z${l}`) ? numbers.values(`slope_z${l}`)[j] : 1;
  // Where σ is the identity, what comes back is δ itself.
  const back = numbers.has(`grad_a${l}`) ? numbers.values(`grad_a${l}`)[j] : delta;
  return {
    lines: [
      row(
        at(DELTA, J, l),
        equals,
        close("("),
        sumOver(K),
        at(W, both(K, J), l + 1),
        at(DELTA, K, l + 1),
        close(")"),
        times,
        numbers.has(`slope_z${l}`) ? of(prime(functionOf(numbers, l)), at(Z, J, l)) : number("1"),
      ),
      ...sumLines(row(sumOver(K), at(W, both(K, jj), l + 1), at(DELTA, K, l + 1)), terms, n(back)),
      row(at(DELTA, jj, l), equals, f(back), times, f(slope), equals, n(delta)),
    ],
    results: [...(numbers.has(`grad_a${l}`) ? [{ tensor: `grad_a${l}`, index: j }] : []), { tensor: `delta${l}`, index: j }],
  };
}

export function bp3(numbers: StepNumbers, l: number, j: number): Filled {
  const jj = number(String(j + 1)),
    name = numbers.has(`grad_b${l}`) ? `grad_b${l}` : `data_grad_b${l}`;
  return {
    lines: [row(partial(at(B, J, l)), equals, at(DELTA, J, l)), row(partial(at(B, jj, l)), equals, n(numbers.values(name)[j]))],
    results: [{ tensor: name, index: j }],
  };
}

export function bp4(numbers: StepNumbers, l: number, j: number): Filled {
  const inputs = numbers.values(numbers.answers(l - 1)),
    delta = numbers.values(`delta${l}`)[j];
  const name = numbers.gradient(l),
    gradients = numbers.values(name),
    units = numbers.units(l);
  const each = count(numbers.fanIn(l)).map((k) => ({ k, index: k * units + j }));
  return {
    lines: [
      row(partial(at(W, both(J, K), l)), equals, at(A, K, l - 1), times, at(DELTA, J, l)),
      ...each.map(({ k, index }) => row(partial(at(W, to(j, k), l)), equals, f(inputs[k]), times, f(delta), equals, n(gradients[index]))),
    ],
    results: each.map(({ index }) => ({ tensor: name, index })),
  };
}

/** What the optimizer makes of the gradients: w − η·∂C/∂w in plain descent, and w + Δw where Δw depends on earlier steps as well. */
export function update(numbers: StepNumbers, l: number, j: number): Filled {
  const units = numbers.units(l),
    { optimizer, rate } = numbers.step.config,
    next = numbers.values(`w${l}`),
    gradients = numbers.values(`grad_w${l}`);
  const each = count(numbers.fanIn(l)).map((k) => ({ k, index: k * units + j })),
    arrow = sign("→"),
    minus = sign("−"),
    isPlain = optimizer === "sgd";
  const w = (place: Piece): Piece => at(W, place, l),
    change = row(symbol("Δ"), w(both(J, K)));
  return {
    lines: [
      row(w(both(J, K)), arrow, w(both(J, K)), ...(isPlain ? [minus, ETA, times, partial(w(both(J, K)))] : [plus, change])),
      ...each.map(({ k, index }) => {
        const old = numbers.weight(l, k, j);
        return row(
          w(to(j, k)),
          equals,
          n(old),
          ...(isPlain ? [minus, f(rate), times, f(gradients[index])] : [plus, f(next[index] - old)]),
          equals,
          n(next[index]),
        );
      }),
    ],
    results: each.map(({ index }) => ({ tensor: `w${l}`, index })),
  };
}
