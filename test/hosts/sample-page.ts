// The script of the page in which Chrome and Firefox take their sample.

import { takeSample } from "./sample.ts";

Object.assign(globalThis, { takeSample });
