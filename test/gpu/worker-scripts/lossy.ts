// The library's worker with a GPU that is lost once, on the fourth submit.

const request = navigator.gpu.requestAdapter.bind(navigator.gpu);
let devices = 0;
navigator.gpu.requestAdapter = async (options) => {
  const adapter = await request(options),
    give = adapter?.requestDevice.bind(adapter);
  if (adapter && give)
    adapter.requestDevice = async (descriptor) => {
      const device = await give(descriptor),
        submit = device.queue.submit.bind(device.queue),
        isFirst = devices++ === 0;
      let submits = 0;
      device.queue.submit = (buffers) => {
        submit(buffers);
        if (isFirst && ++submits === 4) device.destroy();
      };
      return device;
    };
  return adapter;
};
await import("../../../src/train/worker/worker.ts");

export {};
