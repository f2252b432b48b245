// What all parts share: the data, what the page is set to, which nets fit, and how values are shown. A number is only
// ever shown, filtered by, or subtracted from another: intervals and verdicts are those of the file.
const DATA = JSON.parse(document.getElementById("data").textContent);
const DASH = "\u2013", MIB = 2 ** 20;
const AXES = {
  zipped_bytes: {title: "Saved file, zipped", unit: "MiB", by: MIB, best: "smallest", times: "smaller"},
  size_bytes: {title: "Saved file", unit: "MiB", by: MIB, best: "smallest"},
  ms_per_image: {title: "Time for one image", unit: "ms", by: 1, best: "fastest", times: "faster"},
  macs: {title: "Multiply-accumulates", unit: "M", by: 1e6, best: "cheapest"},
  params: {title: "Parameters", unit: "M", by: 1e6, best: "smallest"},
};
const GROUPS = {kind: "What was done", prune_type: "Prune type", method: "Score", scheme: "Quantization", training: "Training"};
const DEFAULTS = {study: DATA.studies[0].name, x: "zipped_bytes", y: "all", by: "kind", drop: "1", size: "", time: "",
  q: "", only: "", off: "", sort: "", sel: "", a: "", b: "", hide: ""};
const state = {...DEFAULTS, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1)))};
const byId = id => document.getElementById(id);
const study = () => DATA.studies.find(each => each.name === state.study) || DATA.studies[0];
const net = variant => study().nets.find(each => each.variant === variant);
const axis = () => study().axes.includes(state.x) ? state.x : study().axes[0];

const SVG = new Set(["svg", "g", "path", "line", "text", "rect", "clipPath", "title"]);
function make(tag, attributes = {}, ...children) {
  const made = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

const known = value => value !== null && value !== undefined;
function number(value, digits = 3) {  // so many significant digits, a real minus sign, and no exponent
  if (!known(value)) return DASH;
  if (Number.isInteger(value)) return value.toLocaleString("en").replace("-", "\u2212");
  const places = value ? Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value)))) : 0;
  return value.toLocaleString("en", {maximumFractionDigits: Math.min(places, 6), minimumFractionDigits: Math.min(places, 6)})
    .replace("-", "\u2212");
}
const fixed = (value, digits = 2) => known(value)
  ? value.toLocaleString("en", {minimumFractionDigits: digits, maximumFractionDigits: digits}).replace("-", "\u2212") : DASH;
const range = (of, show = number, by = 1) => known(of?.low) ? ` [${show(of.low / by)}, ${show(of.high / by)}]` : "";
const cost = (each, key) => known(each[key]?.value)
  ? `${number(each[key].value / AXES[key].by)} ${AXES[key].unit}${range(each[key], number, AXES[key].by)}` : DASH;
const times = of => known(of?.value) ? `${number(of.value)} times${range(of)}` : DASH;
const points = value => `${value} point${Number(value) === 1 ? "" : "s"}`;
const group = (each, key = state.by) => each[key] || (key === "kind" ? "" : "none");
const own = each => each.variant === each.reference;  // the net that it would be compared with is itself

// What the legend and the search leave; the budgets then tell which of these fit.
function visible(each) {
  const words = `${each.name} ${each.chain} ${each.training} ${each.scheme || ""}`.toLowerCase();
  return !off().includes(group(each)) && state.q.toLowerCase().split(/\s+/).every(word => words.includes(word));
}
const off = () => state.off ? state.off.split("|") : [];
function fits(each) {
  const below = (key, limit) => limit === "" || (known(each[key]?.value) && each[key].value / AXES[key].by <= Number(limit));
  const near = state.drop === "" || own(each) || (known(each.drop.value) && each.drop.value <= Number(state.drop));
  const sure = !state.only || state.drop === "" || own(each) || each.within[state.drop] === "shown";
  return near && sure && below("zipped_bytes", state.size) && below("ms_per_image", state.time);
}
const standing = (each, key) => !each.standing[key] ? each.note : each.n < 2 ? DATA.one_seed : DATA.standings[each.standing[key]];
const verdict = each => own(each) ? "the dense net itself" : state.drop === "" ? "" : each.within[state.drop] || "not compared";
function fitting() {  // the cheapest first; an export, and a net with the dense net's graph, is no faster or smaller net
  const key = axis();
  return study().nets.filter(each => visible(each) && fits(each) && each.standing[key])
    .sort((one, other) => one[key].value - other[key].value);
}

function remember() {  // in the address; inside a report's frame that may not be allowed
  const changed = Object.entries(state).filter(([key, value]) => key in DEFAULTS && value !== DEFAULTS[key]);
  try { history.replaceState(null, "", changed.length ? `#${new URLSearchParams(changed)}` : location.pathname); } catch { /* as it is */ }
}
async function copy(text, button) {
  try { await navigator.clipboard.writeText(text); } catch {
    const area = make("textarea", {"aria-label": "text to copy"});
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  byId("said").textContent = `${button.textContent}: copied`;
}
function save(name, type, text) {
  const link = make("a", {href: URL.createObjectURL(new Blob([text], {type})), download: name});
  document.body.append(link);
  link.click();
  link.remove();
}
