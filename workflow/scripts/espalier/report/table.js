// A click on a heading sorts the rows by their data-sort: numbers as numbers, text as text, empty cells last;
// first ascending, then descending, then as the rows were. Rows stay below the heading of their section.
(() => {
  const table = document.querySelector("table");
  const bodies = [...table.tBodies].map(body => ({body, original: [...body.rows].filter(row => row.className !== "section")}));
  const heads = [...table.querySelectorAll("th[data-column]")];
  const compare = (a, b) => {
    const x = Number(a), y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", {numeric: true}) : x - y;
  };
  const next = {none: "ascending", ascending: "descending", descending: "none"};
  for (const head of heads) head.querySelector("button").addEventListener("click", () => {
    const order = next[head.getAttribute("aria-sort")], column = Number(head.dataset.column);
    heads.forEach(h => h.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", order);
    const key = row => row.cells[column].dataset.sort, sign = order === "descending" ? -1 : 1;
    for (const {body, original} of bodies) {
      const rows = order === "none" ? original : [...original].sort((a, b) => {
        const x = key(a), y = key(b);
        return x === "" || y === "" ? (x === "") - (y === "") : sign * compare(x, y);
      });
      body.append(...rows);
    }
  });
})();
