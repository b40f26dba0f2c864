"""What does the page do by itself: it sorts tables, and nothing else.

Buttons are made by the script: where scripts are off, headings are plain text. Rows are
sorted by numbers where a column has them, withheld and unknown ones last.
"""

SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => {
        const cell = row.cells[column];
        const value = cell.dataset.value;
        return value === undefined ? cell.textContent : Number(value);
      };
      const rank = (key) => (typeof key === "number" ? 0 : 1);
      const numeric = [...body.rows].some((row) => rank(key(row)) === 0);
      const compare = (one, other) => {
        const a = key(one), b = key(other);
        if (numeric && rank(a) !== rank(b)) return rank(a) - rank(b);
        const order = rank(a) ? a.localeCompare(b, "en", { numeric: true }) : a - b;
        return up ? order : -order;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
"""
