// Another run beside this one: its results.json, rows joined by chain. `python -m espalier compare` says the same, with
// verdicts.
let other = null;

function read(text) {
  const found = JSON.parse(text);
  if (found.format !== DATA.format) throw new Error(`it is not a file of this version (${DATA.format})`);
  other = found;
}
function paired(here, there) {  // difference of top-1 over the seeds that both have, and its standard error
  const seeds = Object.keys(here.top1.seeds).filter(seed => known(here.top1.seeds[seed]) && known(there.top1.seeds[seed]));
  const apart = seeds.map(seed => there.top1.seeds[seed] - here.top1.seeds[seed]), n = apart.length;
  const mean = apart.reduce((sum, each) => sum + each, 0) / n, square = apart.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  return n ? {mean, error: n > 1 ? Math.sqrt(square / (n - 1) / n) : null, n} : null;
}
function beside(here, there, timed) {  // the cells of a row; null, if nothing differs
  const apart = paired(here, there), [x, y] = [here.zipped_bytes.value, there.zipped_bytes.value], [a, b] = [here.ms_per_image.value, there.ms_per_image.value];
  if (apart?.mean === 0 && x === y && (!timed || a === b)) return null;
  const top1 = apart ? `${apart.mean > 0 ? "+" : ""}${fixed(apart.mean)}${apart.error === null ? " (one seed)" : ` \u00b1 ${fixed(apart.error)}`}` : "no seed in common";
  return [here.name, fixed(here.top1.value), fixed(there.top1.value), top1, known(x) && known(y) ? number(y / x) : DASH, !known(a) || !known(b) ? DASH : timed ? number(b / a) : "refused"];
}
function drawOther() {
  const place = byId("other_rows"), there = other?.studies.find(each => each.name === study().name);
  place.replaceChildren();
  if (!other) return;
  if (!there) return place.append(make("p", {}, "The other run has no study of this name."));
  const threads = each => each.nets.find(one => known(one.threads))?.threads;
  const timed = DATA.processors.length === 1 && DATA.processors.join() === other.processors.join() && threads(study()) === threads(there);
  const pairs = study().nets.map(each => [each, there.nets.find(one => one.variant === each.variant)]), joined = pairs.filter(([, one]) => one);
  const lines = joined.map(([here, one]) => beside(here, one, timed)).filter(Boolean);
  const heads = ["Net", "Top-1 here (%)", "Top-1 there (%)", "There \u2212 here (points \u00b1 standard error)", "Zipped, there / here", "Time, there / here"];
  place.append(make("p", {"aria-live": "polite"}, `${joined.length} nets are in both runs, ${lines.length} of them differ; ${pairs.length - joined.length} are only here, ${there.nets.length - joined.length} only there.`
    + (timed ? "" : ` Times are not compared: ${DATA.processors.join(", ") || "not timed"} here, ${other.processors.join(", ") || "not timed"} there.`)));
  if (lines.length) place.append(make("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Nets that differ"}, make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map(name => make("th", {scope: "col"}, name)))),
    make("tbody", {}, ...lines.map(line => make("tr", {}, ...line.map((words, i) => make(i ? "td" : "th", i ? {class: "number"} : {scope: "row"}, words))))))));
}
async function take(file) {
  try { read(await file.text()); byId("other_says").textContent = `${file.name} is read.`; } catch (error) {
    other = null;
    byId("other_says").textContent = `${file.name} cannot be read: ${error.message}`;
  }
  drawOther();
}
function listen() {
  const place = byId("other");
  byId("other_file").addEventListener("change", event => event.target.files[0] && take(event.target.files[0]));
  place.addEventListener("dragover", event => event.preventDefault());
  place.addEventListener("drop", event => { event.preventDefault(); if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]); });
}
