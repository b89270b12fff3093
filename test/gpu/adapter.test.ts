// The host gives a WebGPU device that computes. Where it does not, every other GPU test would fail for that reason.

import { expect, it } from "vitest";

const DOUBLE = `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) { x[id.x] = 2.0 * x[id.x]; }
`;

it("doubles four numbers", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error("This host has WebGPU but no adapter: see README, section Tests.");
  const device = await adapter.requestDevice();
  const x = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
  const staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(x, 0, Float32Array.of(1, -2, 0.5, 0));
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module: device.createShaderModule({ code: DOUBLE }) } });
  const encoder = device.createCommandEncoder(),
    pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: x } }] }),
  );
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(x, 0, staging, 0, 16);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  expect([...new Float32Array(staging.getMappedRange())]).toEqual([2, -4, 1, 0]);
  device.destroy();
});
