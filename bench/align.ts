// Rows of cells as lines of text. Knows nothing of what is in them.

/** Columns as wide as their widest cell; a row that says why there are no numbers runs on freely. */
export function align(rows: readonly (readonly string[])[]): string {
  const [head] = rows,
    full = rows.filter(({ length }) => length === head.length);
  const widths = head.map((_, column) =>
    Math.max(...full.map((cells) => cells[column].length), ...(column === 0 ? rows.map(([name]) => name.length) : [])),
  );
  return rows
    .map((cells) =>
      cells
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0]) : cells.length === head.length ? cell.padStart(widths[column]) : cell,
        )
        .join("  "),
    )
    .join("\n");
}
