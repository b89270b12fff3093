// How both kinds of jax-js contenders start a backend.

import { defaultDevice, init, type Device } from "@jax-js/jax";

export async function jaxReady(device: Device): Promise<void> {
  const found = await init(device);
  if (!found.includes(device)) throw new Error(`jax-js finds no ${device} here.`);
  defaultDevice(device);
}
