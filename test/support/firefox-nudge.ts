// Firefox looks only every 100 ms whether the GPU is done, and whenever something is submitted. Tests wait for the GPU all the
// time, so here an empty submit a millisecond asks again: results come after 1 to 9 ms in place of 100, and are the same. Elsewhere
// this does nothing.

/* eslint-disable @typescript-eslint/unbound-method -- each is called with the object that it belongs to */
const EVERY_MILLISECONDS = 1;

if (navigator.userAgent.includes("Firefox")) {
  const queues = new WeakMap<GPUBuffer, GPUQueue>();
  // As they are now: what tests count or replace does not see the nudges.
  const { createBuffer } = GPUDevice.prototype,
    { mapAsync } = GPUBuffer.prototype;
  const { submit, onSubmittedWorkDone } = GPUQueue.prototype;

  const nudged = <T>(queue: GPUQueue, waiting: Promise<T>): Promise<T> => {
    const timer = setInterval(() => submit.call(queue, []), EVERY_MILLISECONDS);
    return waiting.finally(() => clearInterval(timer));
  };

  GPUDevice.prototype.createBuffer = function (this: GPUDevice, descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    queues.set(buffer, this.queue);
    return buffer;
  };
  GPUBuffer.prototype.mapAsync = function (this: GPUBuffer, ...args) {
    const queue = queues.get(this),
      mapped = mapAsync.apply(this, args);
    return queue ? nudged(queue, mapped) : mapped;
  };
  GPUQueue.prototype.onSubmittedWorkDone = function (this: GPUQueue) {
    return nudged(this, onSubmittedWorkDone.call(this));
  };
}
