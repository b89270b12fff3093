// The GPU devices that the library asks for in this worker, so that one can be taken away while training: what a driver's reset, a
// crashed GPU process or a sleeping machine would do.

const devices = new Set<GPUDevice>();

/** From now on devices are remembered until they are lost. */
export function rememberDevices(): void {
  if (typeof GPUAdapter === "undefined") return;
  const adapter = GPUAdapter.prototype, request = Object.getOwnPropertyDescriptor(adapter, "requestDevice")?.value as GPUAdapter["requestDevice"];
  adapter.requestDevice = async function requestDevice(this: GPUAdapter, descriptor) {
    const device = await request.call(this, descriptor);
    devices.add(device);
    void device.lost.then(() => devices.delete(device));
    return device;
  };
}

/** @returns how many there were */
export function loseDevices(): number {
  const { size } = devices;
  for (const device of devices) device.destroy();
  return size;
}
