// What ties the parts together: the controls, the list of what fits, and the first drawing.
function set(changes) {
  if (changes.study && changes.study !== state.study) Object.assign(state, {off: "", sel: "", a: "", b: "", size: "", time: ""});
  if (changes.by && changes.by !== state.by) state.off = "";
  Object.assign(state, changes);
  draw();
  remember();
}
function options(id, pairs, chosen) {
  byId(id).replaceChildren(...pairs.map(([value, words]) => make("option", {value, selected: value === chosen}, words)));
}
const rungs = (key, count = 60) => {  // of a slider: from the least to the most of the study, in equal factors; then no limit
  const all = study().nets.map(each => each[key]?.value).filter(known).map(value => value / AXES[key].by);
  if (!all.length) return [""];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const up = value => { const place = 10 ** (Math.floor(Math.log10(value)) - 2); return String(Number((Math.ceil(value / place - 1e-9) * place).toPrecision(3))); };
  return [...new Set(Array.from({length: count + 1}, (_, i) => up(low * (high / low) ** (i / count)))), ""];
};
const SLIDERS = {
  drop: {rungs: () => [...DATA.limits.map(String), ""], words: value => value ? `at most ${points(value)}` : "any"},
  size: {rungs: () => rungs("zipped_bytes"), words: value => value ? `at most ${value} MiB` : "any"},
  time: {rungs: () => rungs("ms_per_image"), words: value => value ? `at most ${value} ms` : "any"},
};
function drawControls() {
  options("study", DATA.studies.map(each => [each.name, each.title]), study().name);
  options("x", study().axes.map(key => [key, `${AXES[key].title} (${AXES[key].unit})`]), axis());
  options("by", Object.entries(GROUPS), state.by);
  for (const id of ["y", "q"]) if (byId(id).value !== state[id]) byId(id).value = state[id];
  byId("only").checked = Boolean(state.only);
  for (const [id, {rungs, words}] of Object.entries(SLIDERS)) {
    const all = rungs(), near = all.findIndex(value => value === "" || Number(value) >= Number(state[id])), slider = byId(id);
    slider.max = all.length - 1;
    slider.value = state[id] === "" ? all.length - 1 : near;
    slider.disabled = all.length < 2;
    slider.setAttribute("aria-valuetext", words(state[id]));
    byId(`${id}_says`).textContent = all.length < 2 ? "not measured" : words(state[id]);
  }
  byId("setup").replaceChildren(`${study().setup}. `);
  if (location.protocol !== "data:" && location.protocol !== "blob:")  // inside a report, nothing lies beside it
    byId("setup").append(make("a", {href: `studies/${encodeURIComponent(study().name)}.html`}, "Questions and answers"));
}
// Each net is compared with the dense net of equal epochs: which one that is, and how good.
const named = each => (to => to ? `${to.name} (${fixed(to.top1.value)} %)` : "dense")(net(each.reference));
function drawFits() {
  const key = axis(), list = fitting(), all = study().nets.filter(visible), first = list[0];
  const gain = each => !own(each) && AXES[key].times && known(each[AXES[key].times].value) ? `, ${number(each[AXES[key].times].value)} times ${AXES[key].times}` : "";
  const lost = each => own(each) || !known(each.drop.value) ? "" : `, ${fixed(Math.abs(each.drop.value))} points ${each.drop.value < 0 ? "above" : "below"} ${named(each)}`;
  byId("count").textContent = `${rows().length} of ${all.length} nets fit.` + (first ? ` The ${AXES[key].best}: ${first.name}, ${cost(first, key)}${gain(first)}${lost(first)}${verdict(first) ? `: ${verdict(first)}` : ""}.` : "");
  byId("list").replaceChildren(...list.slice(0, 12).map(each => make("li", {}, make("button", {type: "button", class: "link", onclick: () => set({sel: each.variant})}, each.name),
    ` ${cost(each, key)}${gain(each)}; ${fixed(each.top1.value)} %${lost(each)}${verdict(each) ? `: ${verdict(each)}` : ""}`)));
  byId("more").textContent = list.length > 12 ? `and ${list.length - 12} more in the table below` : "";
}
function draw() {
  for (const part of [drawControls, drawChart, drawLegend, drawFits, drawPanel, drawPins, drawColumns, drawTable, drawOther]) part();
}
for (const id of ["study", "x", "y", "by"]) byId(id).addEventListener("change", event => set({[id]: event.target.value}));
for (const id of Object.keys(SLIDERS)) byId(id).addEventListener("input", event => set({[id]: SLIDERS[id].rungs()[Number(event.target.value)]}));
byId("q").addEventListener("input", event => set({q: event.target.value}));
byId("only").addEventListener("change", event => set({only: event.target.checked ? "1" : ""}));
byId("clear").addEventListener("click", () => set({...DEFAULTS, study: state.study, drop: ""}));
byId("csv").addEventListener("click", () => save(`${study().name}.csv`, "text/csv", csv()));
const chart = byId("chart");
for (const kind of ["pointerover", "focusin"]) chart.addEventListener(kind, tell);
for (const kind of ["pointerleave", "focusout"]) chart.addEventListener(kind, () => { byId("tip").hidden = true; });
chart.addEventListener("click", event => { const mark = event.target.closest("[data-net]"); if (mark) set({sel: mark.dataset.net}); });
chart.addEventListener("keydown", event => event.key === "Escape" ? byId("tip").hidden = true : walk(event));
addEventListener("hashchange", () => { Object.assign(state, DEFAULTS, Object.fromEntries(new URLSearchParams(location.hash.slice(1)))); draw(); });
listen();
draw();
