// The table below the chart: the nets that fit, sorted by a column, and saved as CSV with exact values.
const COLUMNS = [
  {key: "name", title: "Net", of: each => each.name, text: true},
  {key: "training", title: "Training", of: each => each.training, text: true},
  {key: "prune_type", title: "Prune type", of: each => each.prune_type, text: true},
  {key: "method", title: "Score", of: each => each.method, text: true},
  {key: "amount", title: "Amount", of: each => each.amount, text: true},
  {key: "retraining", title: "Retraining", of: each => each.retraining, text: true, less: true},
  {key: "scheme", title: "Quantization", of: each => each.scheme, text: true},
  {key: "n", title: "Seeds", of: each => each.n, show: each => each.n},
  {key: "top1", title: "Top-1", unit: "%", of: each => each.top1.value, show: each => `${fixed(each.top1.value)}${range(each.top1, fixed)}`, ends: each => each.top1},
  {key: "drop", title: "Lost", unit: "points", of: each => each.drop.value, show: each => `${fixed(each.drop.value)}${range(each.drop, fixed)}`, ends: each => each.drop},
  {key: "verdict", title: "Within the limit", of: verdict, text: true},
  ...Object.keys(AXES).map(key => ({key, title: {zipped_bytes: "Zipped", size_bytes: "File", ms_per_image: "Time", macs: "MACs", params: "Parameters"}[key],
    unit: AXES[key].unit, less: ["size_bytes", "params"].includes(key), of: each => known(each[key].value) ? each[key].value / AXES[key].by : null})),
  {key: "smaller", title: "Smaller", unit: "times", of: each => each.smaller.value},
  {key: "faster", title: "Faster", unit: "times", of: each => each.faster.value, show: each => `${number(each.faster.value)}${range(each.faster)}`, ends: each => each.faster},
  {key: "faster_verdict", title: "Is it faster?", of: each => each.faster.verdict, text: true, less: true},
  {key: "standing", title: "Frontier", of: each => standing(each, axis()), text: true},
  {key: "published", title: "Published top-1", unit: "%", less: true, of: each => each.published?.top1},
  {key: "epochs", title: "Epochs", less: true, of: each => each.epochs, show: each => each.epochs},
];
const LESS = COLUMNS.filter(column => column.less).map(column => column.key);
const hidden = () => state.hide === "" ? LESS : state.hide.split("|");
const shown = () => COLUMNS.filter(column => !hidden().includes(column.key)
  && (state.hide !== "" || column.key === "name" || study().nets.some(each => known(column.of(each)))));
const heading = column => column.unit ? `${column.title} (${column.unit})` : column.title;

function rows() {
  const [key, down] = state.sort.split(" "), column = COLUMNS.find(each => each.key === key);
  const nets = study().nets.filter(each => visible(each) && fits(each));
  if (!column) return nets;
  const compare = (one, other) => column.text ? String(one).localeCompare(String(other), "en", {numeric: true}) : one - other;
  return nets.sort((one, other) => {
    const [x, y] = [column.of(one), column.of(other)];
    return known(x) && known(y) ? (down ? -1 : 1) * compare(x, y) : known(y) - known(x);
  });
}
function drawTable() {
  const [sorted, down] = state.sort.split(" ");
  const heads = shown().map(column => make("th", {scope: "col", class: column.text ? null : "number",
    "aria-sort": sorted !== column.key ? "none" : down ? "descending" : "ascending"},
    make("button", {type: "button", onclick: () => set({sort: sorted !== column.key ? column.key : down ? "" : `${column.key} down`})}, heading(column))));
  byId("head").replaceChildren(make("tr", {}, ...heads));
  byId("rows").replaceChildren(...rows().map(each => make("tr", {class: each.variant === state.sel ? "selected" : null}, ...shown().map((column, place) => {
    const value = column.of(each), words = !known(value) ? DASH : column.show ? column.show(each) : column.text ? value : number(value);
    if (place) return make("td", {class: column.text ? null : "number"}, String(words));
    return make("th", {scope: "row"}, make("button", {type: "button", class: "link", onclick: () => set({sel: each.variant})}, words));
  }))));
}
function drawColumns() {
  byId("columns").replaceChildren(...COLUMNS.slice(1).map(column => make("label", {}, make("input", {type: "checkbox",
    checked: shown().includes(column), onchange: event => {
      const left = COLUMNS.filter(each => each === column ? !event.target.checked : !shown().includes(each)).map(each => each.key);
      set({hide: left.join("|") || "-"});
    }}), heading(column))));
}
function csv() {
  const cell = value => !known(value) ? "" : /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  const columns = shown().flatMap(column => [[heading(column), column.of], ...(column.ends ? ["low", "high"].map(end =>
    [`${heading(column)}, ${end}`, each => column.ends(each)[end]]) : [])]);
  const lines = [[...columns.map(([name]) => name), "variant"], ...rows().map(each => [...columns.map(([, of]) => of(each)), each.variant])];
  return lines.map(line => line.map(cell).join(",")).join("\n") + "\n";
}
