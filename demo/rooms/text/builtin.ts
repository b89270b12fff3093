// The text that the room begins with: the project's own documentation, under the project's licence. Loaded with the room alone.

import architecture from "../../../docs/architecture.md?raw";
import page from "../../../docs/page.md?raw";
import performance from "../../../docs/performance.md?raw";
import readme from "../../../README.md?raw";

export const BUILTIN = { title: "deltaprop", text: [readme, architecture, performance, page].join("\n") };
