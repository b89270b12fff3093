// The script of the worker that trainInWorker() starts: dist/deltaprop/worker.js, one file with all that training may need.

import { serve, type Port } from "./host.ts";

serve(globalThis as unknown as Port);
