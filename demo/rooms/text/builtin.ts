// The text that the room begins with, in its own file beside this one: the first two chapters of Lewis Carroll, Alice's Adventures in
// Wonderland (Macmillan, London 1865), which is in the public domain. Quotation marks and dashes are plain ones, so that there are
// fewer characters to learn. Loaded with the room alone.

import text from "./alice.txt?raw";

export const BUILTIN = { title: "Alice's Adventures in Wonderland, I–II", text, prompt: "Alice " };
