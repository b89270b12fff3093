// Hears what WebGPU complains about on devices that are not ours: a library whose commands are refused computes nothing, and
// does that fast.

const complaints: string[] = [];

/** From now on, for every device that is asked for. */
export function hearGpuErrors(): void {
  if (!("GPUAdapter" in globalThis)) return;
  const prototype = GPUAdapter.prototype;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its adapter below
  const original = prototype.requestDevice;
  prototype.requestDevice = async function heard(...args) {
    const device = await original.apply(this, args);
    device.addEventListener("uncapturederror", ({ error }) => complaints.push(error.message));
    return device;
  };
}

/** @throws Error with the first complaint, if there is one */
export function throwGpuErrors(): void {
  if (complaints.length > 0) throw new Error(`WebGPU complained: ${complaints[0].split("\n")[0]}`);
}
