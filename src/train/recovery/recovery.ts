// What is done when training goes wrong, behind one door: pages on which nothing does fetch it after training has begun.

export { rollBack } from "./divergence.ts";
export { anotherBackend, reopen, tellOfLoss, tellOfUnread } from "./another-device.ts";
export { catchUp, takeBack } from "./replay.ts";
