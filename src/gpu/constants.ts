// WebGPU's flag values by name. A page has them as globals; Node has none, and a device handed in must do without.
// Source: the WebGPU specification, namespaces GPUBufferUsage, GPUMapMode and GPUShaderStage.

export const BUFFER_USAGE = { mapRead: 0x1, copySource: 0x4, copyDestination: 0x8, uniform: 0x40, storage: 0x80 } as const;
export const MAP_MODE = { read: 0x1 } as const;
export const SHADER_STAGE = { compute: 0x4 } as const;
