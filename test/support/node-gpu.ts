// The setup of GPU tests in Node.

import { giveWebgpu } from "../../src/cli/node-webgpu.ts";

await giveWebgpu();
