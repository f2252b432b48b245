// Accuracy against cost. One stop of the Tab key; the arrow keys go from net to net, Enter selects.
const WIDTH = 760, HEIGHT = 440, LEFT = 56, RIGHT = 16, TOP = 12, BOTTOM = 46;
const SHAPES = [
  "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z", "M-4.5-4.5H4.5V4.5H-4.5Z", "M0-6L6 0L0 6L-6 0Z", "M0-5.5L5.5 4.5H-5.5Z",
  "M0 5.5L5.5-4.5H-5.5Z", "M-2-5.5H2V-2H5.5V2H2V5.5H-2V2H-5.5V-2H-2Z", "M-5.5-3L0-6L5.5-3V3L0 6L-5.5 3Z",
];
const STAR = "M0-7L2-2.2L7-2L3 1.2L4.4 6.3L0 3.4L-4.4 6.3L-3 1.2L-7-2L-2-2.2Z", CROSS = "M-5-5L5 5M5-5L-5 5";
const KINDS = ["dense", "pruned", "quantized", "pruned + quantized"];

function values() {  // of the legend, in one order whatever is shown
  const names = [...new Set(study().nets.map(each => group(each)))];
  return state.by === "kind" ? KINDS.filter(kind => names.includes(kind)) : names.sort();
}
function look(value) {  // the star and the ink for what nothing was done to
  const places = values().filter(each => each !== "dense" && each !== "none"), place = places.indexOf(value);
  return place < 0 ? {shape: STAR, colour: "var(--ink)"} : {shape: SHAPES[place % 7], colour: `var(--c${place % 8})`};
}
function steps(low, high, count) {  // round numbers between two values
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(each => each * power).find(each => each >= rough);
  return Array.from({length: Math.floor(high / step) - Math.ceil(low / step) + 1}, (_, i) => (Math.ceil(low / step) + i) * step);
}
function logarithmic(low, high) {  // 1, 2, 5, 10, ...: fewer of them over a wide range, more over a narrow one
  const all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const each of high / low > 200 ? [1] : [1, 2, 5]) all.push(each * 10 ** power);
  const inside = all.filter(each => each >= low && each <= high);
  return inside.length > 1 ? inside : steps(low, high, 4);
}
function scales(nets, key) {
  const xs = nets.map(each => each[key].value / AXES[key].by), tops = nets.map(each => each.top1.value);
  const best = Math.max(...study().nets.filter(own).map(each => each.top1.value), -Infinity);
  const ends = [Math.min(...xs) / 1.15, Math.max(...xs) * 1.15].map(Math.log);
  const near = state.y !== "all" && isFinite(best) ? best - Number(state.y) : Math.min(...tops);
  const [low, high] = [near, Math.max(...tops, near + 0.5)], pad = (high - low) * 0.06;
  return {
    x: value => LEFT + (Math.log(value) - ends[0]) / (ends[1] - ends[0]) * (WIDTH - LEFT - RIGHT),
    y: value => HEIGHT - BOTTOM - (value - low + pad) / (high - low + 2 * pad) * (HEIGHT - TOP - BOTTOM),
    xTicks: logarithmic(...ends.map(Math.exp)), yTicks: steps(low - pad, high + pad, 6),
  };
}
function axes({x, y, xTicks, yTicks}, key) {
  const grid = make("g", {class: "grid", "aria-hidden": "true"});
  for (const tick of xTicks) grid.append(make("line", {x1: x(tick), x2: x(tick), y1: TOP, y2: HEIGHT - BOTTOM}),
    make("text", {x: x(tick), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle"}, number(tick, 1)));
  for (const tick of yTicks) grid.append(make("line", {x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick)}),
    make("text", {x: LEFT - 7, y: y(tick) + 4, "text-anchor": "end"}, String(Number(tick.toFixed(2)))));
  grid.append(make("text", {x: (WIDTH + LEFT) / 2, y: HEIGHT - 8, "text-anchor": "middle", class: "name"},
    `${AXES[key].title} (${AXES[key].unit}, logarithmic)`));
  grid.append(make("text", {transform: `translate(13 ${(HEIGHT - BOTTOM) / 2}) rotate(-90)`, "text-anchor": "middle", class: "name"},
    "Test top-1 (%)"));
  return grid;
}
function frontier(nets, {x, y}, key) {  // the nets that no cheaper one reaches in the mean, as a line of steps
  const best = nets.filter(each => each.best.includes(key)).sort((one, other) => one[key].value - other[key].value);
  const spots = best.map(each => [x(each[key].value / AXES[key].by), y(each.top1.value)]);
  const path = spots.map(([a, b], i) => i ? `H${a}V${b}` : `M${a} ${b}`).join("");
  return path && make("path", {d: `${path}H${WIDTH - RIGHT}`, class: "frontier"});
}
function bars(each, {x, y}, key) {
  const by = AXES[key].by, [a, b] = [x(each[key].value / by), y(each.top1.value)], lines = [];
  if (known(each.top1.low)) lines.push(make("line", {x1: a, x2: a, y1: y(each.top1.low), y2: y(each.top1.high)}));
  if (known(each[key].low)) lines.push(make("line", {x1: x(each[key].low / by), x2: x(each[key].high / by), y1: b, y2: b}));
  return lines;
}
function says(each, key) {  // of a net, in a sentence: for the pointer and for screen readers
  return [each.name, `${fixed(each.top1.value)} %${range(each.top1, fixed)}`, cost(each, key),
    standing(each, key) && (each.standing[key] ? `frontier: ${standing(each, key)}` : each.note),
    fits(each) ? "fits" : "does not fit"].filter(Boolean).join(", ");
}
function mark(each, scale, key, stop) {
  const {shape, colour} = look(group(each)), stands = each.standing[key] || "none";
  const names = ["net", stands, fits(each) ? "" : "out", each.variant === state.sel ? "selected" : ""].join(" ");
  const spot = `translate(${scale.x(each[key].value / AXES[key].by)} ${scale.y(each.top1.value)})`;
  const whole = make("g", {class: names, style: `--own: ${colour}`, tabindex: stop ? 0 : -1, role: "button",
    "aria-label": says(each, key), "aria-pressed": each.variant === state.sel ? "true" : "false", "data-net": each.variant},
    ...bars(each, scale, key));
  const drawn = make("g", {transform: spot}, make("rect", {x: -9, y: -9, width: 18, height: 18, class: "hit"}));
  if (stands === "frontier") drawn.append(make("path", {d: "M-10 0A10 10 0 1 0 10 0A10 10 0 1 0-10 0Z", class: "ring"}));
  drawn.append(make("path", {d: each.random ? CROSS : shape, class: each.random ? "shape random" : "shape"}));
  for (const pin of ["a", "b"]) if (state[pin] === each.variant)
    drawn.append(make("text", {x: 9, y: -7, class: "pin"}, pin.toUpperCase()));
  whole.append(drawn);
  return whole;
}
function publishedMark(each, {x, y}, key) {
  const [a, b] = [x(each[key].value / AXES[key].by), y(each.published.top1)];
  return make("g", {class: "published"}, make("title", {}, publishedWords(each)),
    make("line", {x1: a, x2: a, y1: b, y2: y(each.top1.value), class: "link"}), make("line", {x1: a - 8, x2: a + 8, y1: b, y2: b}));
}
function publishedWords(each) {
  const {top1, comparable, different, not_stated} = each.published;
  const why = {no: `not comparable: ${different} differ`, "not stated": `the source does not state ${not_stated}`, yes: "comparable"};
  return `published: ${fixed(top1)} % (${why[comparable] || comparable})`;
}
function drawChart() {
  const key = axis(), nets = study().nets.filter(each => visible(each) && known(each[key]?.value)), old = document.activeElement?.dataset?.net;
  const chart = make("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label":
    `Top-1 against ${AXES[key].title.toLowerCase()} of ${nets.length} nets; arrow keys go from net to net. The table below has the same nets.`});
  byId("chart").replaceChildren(chart);
  if (!nets.length) return chart.append(make("text", {x: LEFT, y: TOP + 30}, "No net is left: change the legend or the search."));
  nets.sort((one, other) => one[key].value - other[key].value);
  const scale = scales(nets, key), stop = nets.find(each => each.variant === state.sel) || nets[0];
  const clip = make("clipPath", {id: "inside"}, make("rect", {x: LEFT, y: 0, width: WIDTH - LEFT, height: HEIGHT - BOTTOM}));
  const drawn = make("g", {"clip-path": "url(#inside)"});
  if (!off().includes("published")) drawn.append(...nets.filter(each => each.published).map(each => publishedMark(each, scale, key)));
  drawn.append(frontier(nets, scale, key) || "", ...nets.map(each => mark(each, scale, key, each === stop)));
  chart.append(clip, axes(scale, key), drawn);
  if (old) chart.querySelector(`[data-net="${CSS.escape(old)}"]`)?.focus();
}
function drawLegend() {
  const key = axis(), some = study().nets.some(each => each.published), names = values();
  const toggle = (name, sample) => make("button", {type: "button", "aria-pressed": off().includes(name) ? "false" : "true",
    onclick: () => set({off: (off().includes(name) ? off().filter(each => each !== name) : [...off(), name]).join("|")})}, sample, name);
  const sample = (d, attributes) => make("svg", {viewBox: "-11 -11 22 22", "aria-hidden": "true"}, make("path", {d, ...attributes}));
  const told = (d, attributes, words) => make("span", {}, sample(d, attributes), words);
  byId("legend").replaceChildren(...names.map(name => {
    const {shape, colour} = look(name), random = study().nets.filter(each => group(each) === name).every(each => each.random);
    return toggle(name, sample(random ? CROSS : shape, {style: `--own: ${colour}`, class: random ? "shape random" : "shape"}));
  }), ...(some ? [toggle("published", sample("M-8 0H8", {class: "tick"}))] : []));
  const has = stands => study().nets.some(each => each.standing[key] === stands);
  byId("key").replaceChildren(...[
    has("frontier") && told("M-9 0A9 9 0 1 0 9 0A9 9 0 1 0-9 0Z", {class: "ring"}, `ring: ${DATA.standings.frontier}`),
    has("undecided") && told(SHAPES[0], {class: "shape"}, `filled: ${DATA.standings.undecided}`),
    has("dominated") && told(SHAPES[0], {class: "shape hollow"}, `hollow: ${DATA.standings.dominated}`),
    study().nets.some(each => each.random) && told(CROSS, {class: "shape random"}, "cross: pruned at random"),
    told("M-10 0H10", {class: "frontier"}, `line: the best means so far${study().validated ? ", on validation images" : ""}; a line proves nothing`),
  ].filter(Boolean));
}
function tell(event) {
  const variant = event.target.closest?.("[data-net]")?.dataset.net, tip = byId("tip"), each = variant && net(variant);
  tip.hidden = !each;
  if (!each) return;
  const spot = event.target.closest("[data-net]").querySelector(".hit").getBoundingClientRect(), box = byId("chart").getBoundingClientRect();
  const lines = [each.name, each.steps ? each.steps.map(stepWords).join(" > ") : each.chain, `${fixed(each.top1.value)} %${range(each.top1, fixed)}, ${fixed(each.drop.value)} points lost${range(each.drop, fixed)}`,
    `${cost(each, "zipped_bytes")} zipped, ${cost(each, "ms_per_image")}`, [verdict(each), each.note].filter(Boolean).join("; ")];
  tip.replaceChildren(...lines.filter(Boolean).map((line, i) => make(i ? "div" : "strong", {}, line)));
  tip.style.left = `${Math.min(spot.left - box.left + 16, Math.max(0, box.width - 330))}px`;
  tip.style.top = `${spot.bottom - box.top + 6}px`;
}
const stepWords = step => typeof step === "string" ? step : Object.entries(step).map(([name, keys]) =>
  `${name} (${Object.entries(keys).map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ")})`).join();
function walk(event) {
  const marks = [...byId("chart").querySelectorAll("[data-net]")], place = marks.indexOf(document.activeElement);
  const go = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -marks.length, End: marks.length}[event.key];
  if (place < 0 || !(go || ["Enter", " "].includes(event.key))) return;
  event.preventDefault();
  if (!go) return set({sel: marks[place].dataset.net});
  const next = marks[Math.max(0, Math.min(marks.length - 1, place + go))];
  marks[place].setAttribute("tabindex", -1);
  next.setAttribute("tabindex", 0);
  next.focus();
}
