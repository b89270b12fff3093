// Coefficients of the forms in which float32 kernels compute tanh, e^x − 1 and ln(1 + x), so that no result loses its digits by
// cancellation; those of Φ(x) are in normal-forms.ts. Fitted for the least relative error over the stated interval and rounded to float32.
// The kernels are in shaders/activations.wgsl.ts and uncommon.wgsl.ts; reference/float32-forms.ts says how far they may be off.

/** tanh x = x·(1 + a₁y + … + a₄y⁴) / (1 + b₁y + … + b₄y⁴), y = x², for |x| ≤ TANH_END: relative error 3.3·10⁻⁸. */
export const TANH_NUMERATOR = [0.13382688164710999, 0.0034974582958966494, 0.000020635832697735168, 1.3384303443331191e-8] as const;
export const TANH_DENOMINATOR = [0.46716010570526123, 0.025884363800287247, 0.00032885183463804424, 7.790254699102661e-7] as const;
/** Beyond it tanh x is ±1 to 2.9·10⁻⁸. */
export const TANH_END = 9.02;

/** ln(1 + x) = s·(2 + c₁y + … + c₄y⁴), s = x/(2 + x), y = s², for 0 ≤ x ≤ 1: relative error 5.5·10⁻⁹. */
export const LOG1P = [0.666664183139801, 0.4002152681350708, 0.2800181210041046, 0.2801195979118347] as const;
