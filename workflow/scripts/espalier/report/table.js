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

  // The buttons above the table choose its columns. On a narrow page, a net's whole name stands for the columns that say
  // how it came about; in the view of all columns, both are there.
  const buttons = [...document.querySelectorAll(".views button")], wide = matchMedia("(min-width: 1100px)");
  const groups = [...table.querySelectorAll("thead .groups > *")].map(cell => ({cell, span: cell.colSpan}));
  let view = buttons.length ? buttons[0].dataset.view : "all";
  const shows = head => view === "all" || ((!head.dataset.views || head.dataset.views.split(" ").includes(view))
    && (!head.dataset.room || head.dataset.room === (wide.matches ? "wide" : "narrow")));
  const choose = () => {
    const shown = heads.map(shows);
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.view === view);
    for (const row of [heads[0].parentElement, ...bodies.flatMap(({original}) => original)])
      [...row.cells].forEach((cell, i) => { cell.hidden = !shown[i]; });
    let column = 0;
    for (const {cell, span} of groups) {
      const visible = shown.slice(column, column += span).filter(Boolean).length;
      cell.hidden = !visible;
      if (visible) cell.colSpan = visible;
    }
    for (const heading of table.querySelectorAll(".section th")) heading.colSpan = shown.filter(Boolean).length;
  };
  for (const button of buttons) button.addEventListener("click", () => { view = button.dataset.view; choose(); });
  if (buttons.length) {
    wide.addEventListener("change", choose);
    choose();
  }
})();
