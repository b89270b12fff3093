// The script of one thread of a WebAssembly engine: keeps the modules that it is sent, each on the memory that all threads share,
// and runs steps of them. It lies beside the library and is started by threads.ts; in Node the same file serves a worker thread.

const port = globalThis.process?.getBuiltinModule?.("node:worker_threads").parentPort ?? globalThis;

/** What does what a message says, with the modules of the messages before. */
function makeAnswer() {
  const runs = new Map();
  return ({ id, module, memory, forget, slot, count, thread, threads }) => {
    if (module) runs.set(id, new WebAssembly.Instance(module, { env: { memory } }).exports.run);
    else if (forget) runs.delete(id);
    else {
      runs.get(id)(slot, count, thread, threads);
      port.postMessage({ done: true });
    }
  };
}

function listen() {
  const answer = makeAnswer();
  const hear = (data) => {
    try {
      answer(data);
    } catch (error) {
      port.postMessage({ error: String(error) });
    }
  };
  if (port.on) port.on("message", hear);
  else port.onmessage = ({ data }) => hear(data);
}

listen();
port.postMessage({ ready: true });
