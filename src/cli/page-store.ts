// The checkpoints of a training in a page: fetched from the command and posted to it, which keeps them on the disk.

import type { CheckpointStore } from "../index.ts";

const refused = async (response: Response): Promise<Error> =>
  new Error((await response.text()) || `${response.status} ${response.statusText}`);

/** Its names are those in PATHS.checkpoints. */
export const pageStore: CheckpointStore = {
  async read(name) {
    const response = await fetch(name);
    if (!response.ok) throw await refused(response);
    return response.status === 204 ? null : new Uint8Array(await response.arrayBuffer());
  },
  async write(name, bytes) {
    const response = await fetch(name, { method: "POST", body: bytes });
    if (!response.ok) throw await refused(response);
  },
};
