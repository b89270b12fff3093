// What few networks use, behind one door: formulas and initializers that take their places when this is loaded.

import { addUncommonInitializers } from "../../model/uncommon-initializers.ts";
import { addUncommonFormulas } from "../../schedule/uncommon.ts";

export function addUncommon(): void {
  addUncommonInitializers();
  addUncommonFormulas();
}
