// Coefficients of Φ(x), as float32-forms.ts has those of other functions, and of the tanh form of gelu. Loaded for networks with gelu.

/**
 * Φ(−t) = e^(−t²/2)·(m₀ + m₁w + … + m₉w⁹)/(t + MILLS_CENTRE), w = (t − MILLS_CENTRE)/(t + MILLS_CENTRE), for 0 ≤ t ≤ MILLS_END:
 * relative error 3.3·10⁻⁸.
 */
export const MILLS = [
  0.7444160580635071, -0.5655617117881775, 0.3154250979423523, -0.11605317145586014, 0.01740582101047039, 0.006493727210909128,
  -0.003172829281538725, -0.00049504020716995, 0.0004183239070698619, 0.00010869418474612758,
] as const;
export const MILLS_CENTRE = 3.5;
/** e^(−t²/2) is 0 in float32 from here on. */
export const MILLS_END = 15;

/** √(2/π) and the cubic coefficient of the tanh form of gelu (Hendrycks and Gimpel 2016). */
export const GELU_SCALE = Math.sqrt(2 / Math.PI);
export const GELU_CUBIC = 0.044715;
/** From here on sigmoid(2u) of the tanh form is 0 or 1 in float32. */
export const GELU_TANH_END = 14;
