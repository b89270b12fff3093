// Lets the page or the process do something else for a moment.

/**
 * Resolves in a task of its own, so that events, timers and painting get their turn. Sent as a message, because browsers hold back
 * the timers of hidden pages to one a second, and messages never.
 */
export function yieldToHost(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
