// The selected net, and two nets that are pinned side by side.
function yamlOf(each) {  // a config of its own: the study with the chain of the net, and that of the net it is compared with
  const reference = net(each.reference), chains = [reference && !own(each) ? reference.yaml : null, each.yaml].filter(Boolean);
  const indented = study().yaml.trimEnd().split("\n").map(line => `    ${line}`);
  return [...(DATA.yaml ? [DATA.yaml.trimEnd()] : []), "studies:", `  ${study().name}:`, ...indented, "    chains:",
    ...[...new Set(chains)].map(chain => `      - ${chain}`)].join("\n") + "\n";
}
const commandOf = each => DATA.command.replace("TARGET", `'${DATA.folder}/models/${each.node}/record.json'`);

function lines(pairs, all) {  // one line for each pair; a single one, if all say the same
  const words = new Set(pairs.map(([, word]) => word));
  return words.size === 1 && pairs.length > 1 ? [`${all}: ${[...words][0]}`] : pairs.map(([name, word]) => `${name}: ${word}`);
}
function facts(each) {
  const what = known(each.top1.low) ? {seeds: "95 % interval over seeds", images: "one seed: what the test images leave"}[each.top1.of] : "no interval";
  const list = [
    ["Top-1", `${fixed(each.top1.value)} %${range(each.top1, fixed)} (${what}; ${each.n} seed${each.n === 1 ? "" : "s"})`],
    ["Points lost", own(each) ? "it is the dense net" : `${fixed(each.drop.value)}${range(each.drop, fixed)}${known(each.drop.low) ? " (95 % interval of this net alone)" : ""}`],
    ["At most", lines(DATA.limits.filter(limit => each.within[limit]).map(limit => [points(limit), each.within[limit]]), "any limit")],
    ["Saved file", `${cost(each, "zipped_bytes")} zipped, ${cost(each, "size_bytes")} as it is; ${times(each.smaller)} smaller, zipped`],
    ["Time", known(each.ms_per_image.value) ? `${cost(each, "ms_per_image")} for one image in ${each.runtime}, ${each.threads} thread${each.threads === 1 ? "" : "s"}` : "not timed"],
    ["Faster", `${known(each.faster.value) ? `${times(each.faster)}. ` : ""}${each.faster.why}`],
    ["Computing", `${cost(each, "macs")} MACs (${each.fewer_macs > 1.005 ? `${number(each.fewer_macs)} times fewer` : "as many as dense"}), ${cost(each, "params")} parameters`],
    ["Frontier", each.note || lines(Object.keys(each.standing).map(key => [AXES[key].title.toLowerCase(),
      `${standing(each, key)}${each.over[key] ? ` by ${each.over[key]}` : ""}`]), "every axis")],
    ["Chain", each.steps ? each.steps.map(stepWords).join(" > ") : each.chain],
    ["Compared with", net(each.reference)?.name || "nothing: no dense net of equal epochs"],
    ["Published", each.published && publishedWords(each)],
    ["Remark", each.remark],
  ];
  return list.filter(([, value]) => known(value) && value !== "" && value.length).flatMap(([name, value]) => [make("dt", {}, name),
    make("dd", {}, ...(Array.isArray(value) ? value.map(line => make("div", {}, line)) : [value]))]);
}
function widths(each) {
  if (!each.widths) return null;
  const row = ([layer, own, dense]) => make("tr", {}, make("th", {scope: "row"}, layer), make("td", {class: "number"}, own === null ? "gone" : String(own)),
    make("td", {class: "number"}, known(dense) ? String(dense) : DASH));
  return make("details", {}, make("summary", {}, "Widths of its layers (first seed)"), make("table", {}, make("thead", {}, make("tr", {},
    ...["Layer", "Width", "Dense"].map(name => make("th", {scope: "col"}, name)))), make("tbody", {}, ...each.widths.map(row))));
}
function drawPanel() {
  const each = net(state.sel) || fitting()[0], panel = byId("panel");  // until one is selected, the first that fits
  if (!each) return panel.replaceChildren(make("h2", {}, "No net fits"), make("p", {class: "soft"}, "Widen the budget, or select a net in the chart."));
  const button = (name, click, pressed) => make("button", {type: "button", "aria-pressed": pressed, onclick: click}, name);
  const copies = {"Copy YAML": yamlOf(each), "Copy command": commandOf(each), "Copy path": `${DATA.folder}/${each.file}`};
  const open = panel.querySelector("details.yaml")?.open;
  panel.replaceChildren(make("h2", {}, each.name), make("p", {class: "buttons"},
    ...["a", "b"].map(pin => button(`Pin as ${pin.toUpperCase()}`, () => set({[pin]: state[pin] === each.variant ? "" : each.variant}), String(state[pin] === each.variant))),
    ...Object.entries(copies).map(([name, text]) => make("button", {type: "button", onclick: event => copy(text, event.target)}, name)),
    make("a", {href: each.file.split("/").map(encodeURIComponent).join("/")}, "Its file")), make("dl", {}, ...facts(each)), widths(each) || "",
    make("details", {class: "yaml", open}, make("summary", {}, "Its YAML and its command"), make("pre", {tabindex: 0}, copies["Copy YAML"]), make("pre", {tabindex: 0}, copies["Copy command"])));
}
function leadOf(one, other) {  // whether the one's top-1 is higher, corrected for all pairs of the study
  const {nets, rows} = study().leads, [i, j] = [nets.indexOf(one.variant), nets.indexOf(other.variant)];
  if (Math.min(one.n, other.n) < 2) return "one seed: no verdict";
  return i < 0 || j < 0 ? "not compared" : {H: "A is higher", L: "A is lower", E: "equal for every seed", U: "cannot be told"}[rows[i][j]] || "the same net";
}
function drawPins() {
  const [one, other] = [net(state.a), net(state.b)], place = byId("pins");
  place.hidden = !one && !other;
  if (place.hidden) return place.replaceChildren();
  const unit = {top1: "%", smaller: "times", faster: "times", removed: "% of groups or weights"};
  const value = (each, key) => !each ? DASH : key in AXES ? cost(each, key) : key === "removed" ? (known(each[key]) ? number(100 * each[key]) : DASH) : ["top1", "drop"].includes(key)
    ? `${fixed(each[key].value)}${range(each[key], fixed)}` : `${number(each[key].value)}${range(each[key])}`;
  const apart = key => {
    if (!one || !other) return DASH;
    const [x, y] = [one, other].map(each => key === "removed" ? (known(each[key]) ? 100 * each[key] : null) : each[key].value);
    if (!known(x) || !known(y)) return DASH;
    return key in AXES ? `A / B = ${number(x / y)}` : `A \u2212 B = ${fixed(x - y)}`;
  };
  const names = {top1: "Top-1", drop: "Points lost", ...Object.fromEntries(study().axes.map(key => [key, AXES[key].title])), smaller: "Times smaller", faster: "Times faster", removed: "Removed"};
  const body = Object.entries(names).map(([key, name]) => make("tr", {}, make("th", {scope: "row"}, unit[key] ? `${name} (${unit[key]})` : name),
    ...[one, other].map(each => make("td", {}, value(each, key))), make("td", {}, apart(key))));
  place.replaceChildren(make("h2", {}, "A and B"), make("table", {}, make("thead", {}, make("tr", {}, ...["", one?.name || "A: pin a net", other?.name || "B: pin a net", "Difference"].map(
    name => make(name ? "th" : "td", name ? {scope: "col"} : {}, name)))), make("tbody", {}, ...body)),
    one && other ? make("p", {}, `Is the top-1 of A higher? ${leadOf(one, other)}.`) : "");
}
