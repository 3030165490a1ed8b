// Cost against mean BD-rate, and what the cost is made of.

const COSTS = {
  published_kmacs_px: { label: "luma synthesis, kMACs/pixel, published counting", unit: "kMACs/pixel", digits: 1, counting: "published" },
  input_size_kmacs_px: { label: "luma synthesis, kMACs/pixel at input size", unit: "kMACs/pixel", digits: 1, counting: "input_size" },
  all_kmacs_px: { label: "luma synthesis, kMACs/pixel, all MACs", unit: "kMACs/pixel", digits: 1, counting: "all" },
  decoder_published_kmacs_px: { label: "whole decoder, kMACs/pixel, published counting", unit: "kMACs/pixel", digits: 1, counting: "published" },
  decoder_all_kmacs_px: { label: "whole decoder, kMACs/pixel, all MACs", unit: "kMACs/pixel", digits: 1, counting: "all" },
  decode_s: { label: "decode time, s a picture on one core", unit: "s", digits: 2, counting: "published" },
};

const MARGIN = { l: 62, r: 12, t: 12, b: 46 };

function setUpTradeOff() {
  for (const id of ["cost", "trade-off-anchor"]) byId(id).addEventListener("change", showTradeOff);
}

function fillTradeOff() {
  const { study } = page;
  fill(byId("trade-off-anchor"), study.anchors.map((label) => [label, entryOf(study, label).name]));
}

function showTradeOff() {
  const { study } = page;
  const key = byId("cost").value;
  const anchor = byId("trade-off-anchor").value;
  showCosts(study, key, anchor);
  showParts(study, COSTS[key].counting);
}

function showCosts(study, key, anchor) {
  const cost = COSTS[key];
  const place = byId("trade-off-plot");
  const caption = byId("trade-off-caption");
  const rows = rowsAgainst(study, anchor).filter((row) => row.kind === "variant");
  const there = rows.filter((row) => row[key] > 0 && row.mean_bd_rate !== null);
  const missing = rows.filter((row) => !there.includes(row));
  if (!there.length) {
    const commands = key === "decode_s" ? Object.values(study.untimed) : [];
    const why = rows.length ? missingReason(rows[0], key) : "no variant was run on these images";
    drawNothing(place, `Nothing to draw: ${why}.${commands.length ? ` ${commands[0]} measures it.` : ""}`);
    caption.textContent = "";
    return;
  }
  const front = paretoFront(there, key);
  const traces = [frontTrace(front, key), ...there.map((row) => costTrace(study, row, key, cost))];
  const height = plotHeight(place, 0.72, 300, 420);
  const spread = spans(there, key);
  const look = layout({
    height,
    margin: MARGIN,
    xaxis: { label: cost.label, type: "log", range: spread.x.map(Math.log10), automargin: false, ...costTicks(spread.x) },
    yaxis: { label: `mean BD-rate against ${entryOf(study, anchor).name}, %`, range: spread.y, automargin: false },
    annotations: labelled(study, there, front, key, spread, { width: place.clientWidth - MARGIN.l - MARGIN.r, height: height - MARGIN.t - MARGIN.b }),
  });
  const names = front.map((row) => row.variant).join(", ");
  draw(place, traces, look, `${cost.label} against mean BD-rate of ${there.map((row) => row.variant).join(", ")}. Pareto front: ${names}.`);
  const reasons = [...new Set(missing.map((row) => missingReason(row, key)))];
  const left = reasons.map((reason) => `Not drawn: ${missing.filter((row) => missingReason(row, key) === reason).map((row) => row.variant).join(", ")} (${reason}).`).join(" ");
  caption.textContent = `Lower left is better${hasIntervals(there) ? "; bars are 95% intervals over images" : ""}. Pareto front (line): ${names}. ${left}`;
}

function missingReason(row, key) {
  if (row.mean_bd_rate === null) return `no mean BD-rate, ${row.mean_reason}`;
  return key === "decode_s" ? "decode time not measured" : row.complexity_reason;
}

/** What nothing else beats in both cost and BD-rate, by rising cost. */
function paretoFront(rows, key) {
  const beats = (a, b) => a[key] <= b[key] && a.mean_bd_rate <= b.mean_bd_rate && (a[key] < b[key] || a.mean_bd_rate < b.mean_bd_rate);
  return rows.filter((row) => !rows.some((other) => beats(other, row))).sort((a, b) => a[key] - b[key]);
}

function frontTrace(front, key) {
  return {
    name: "Pareto front", x: front.map((row) => row[key]), y: front.map((row) => row.mean_bd_rate), mode: "lines",
    line: { color: palette().quiet, width: 1.2, dash: "2px,3px", shape: "hv" }, hoverinfo: "skip",
  };
}

function costTrace(study, row, key, cost) {
  const entry = entryOf(study, row.variant);
  const range = row.mean_ci_low === null ? "" : ` (${interval(row.mean_ci_low, row.mean_ci_high, 1)})`;
  const error = row.mean_ci_low === null ? undefined : {
    type: "data", symmetric: false, array: [row.mean_ci_high - row.mean_bd_rate], arrayminus: [row.mean_bd_rate - row.mean_ci_low],
    color: palette().quiet, thickness: 1, width: 3,
  };
  return {
    name: plotText(entry.name), meta: entry.label, x: [row[key]], y: [row.mean_bd_rate], mode: "markers", error_y: error,
    marker: { ...marker(entry.style), size: 10 },
    text: [`<b>${plotText(entry.name)}</b><br>${fixed(row[key], cost.digits)} ${cost.unit}<br>mean BD-rate ${fixed(row.mean_bd_rate, 1)}%${range}`],
    hovertemplate: "%{text}<extra></extra>",
  };
}

function spans(rows, key) {
  const costs = rows.map((row) => row[key]);
  const ends = rows.flatMap((row) => [row.mean_ci_low ?? row.mean_bd_rate, row.mean_ci_high ?? row.mean_bd_rate]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const margin = 0.1 * (high - low) || 1;
  return { x: [Math.min(...costs) / 1.35, Math.max(...costs) * 1.9], y: [low - margin, high + margin] };
}

function costTicks([low, high]) {
  const ticks = [];
  for (let power = -4; power < 6; power += 1) for (const step of [1, 2, 5]) ticks.push(step * 10 ** power);
  const fit = ticks.filter((tick) => tick >= low && tick <= high);
  return fit.length > 1 ? { tickvals: fit, ticktext: fit.map((tick) => String(Number(tick.toPrecision(2)))) } : {};
}

/** The points' names; the axes must be as `spread` says, and the margins as `MARGIN`. */
function labelled(study, rows, front, key, spread, room) {
  const across = (value) => (Math.log(value / spread.x[0]) / Math.log(spread.x[1] / spread.x[0])) * room.width;
  const down = (value) => (1 - (value - spread.y[0]) / (spread.y[1] - spread.y[0])) * room.height;
  const spots = rows.map((row) => ({
    text: entryOf(study, row.variant).name,
    x: across(row[key]), y: down(row.mean_bd_rate), low: down(row.mean_ci_low ?? row.mean_bd_rate), high: down(row.mean_ci_high ?? row.mean_bd_rate),
    at: { x: Math.log10(row[key]), y: row.mean_bd_rate },
  }));
  const marks = front.slice(1).flatMap((row, at) => {
    const [x, y, end, bottom] = [across(front[at][key]), down(front[at].mean_bd_rate), across(row[key]), down(row.mean_bd_rate)];
    return [[x, y - 1, end, y + 1], [end - 1, y, end + 1, bottom]];
  });
  return besidePoints(spots, room, marks);
}

function showParts(study, counting) {
  const place = byId("parts-plot");
  const { names, colours, kmacs } = study.parts;
  const labels = Object.keys(kmacs).filter((label) => Object.keys(kmacs[label]).length);
  byId("parts-table").hidden = !labels.length;
  if (!labels.length) {
    drawNothing(place, "No complexity by part is on record for these runs.");
    replace(byId("parts-legend"));
    byId("parts-caption").textContent = "";
    return;
  }
  const figure = (label, part) => kmacs[label][part]?.[counting] ?? 0;
  const total = (label) => names.reduce((sum, part) => sum + figure(label, part), 0);
  const traces = names.map((part) => ({
    type: "bar", orientation: "h", name: part, y: labels.map((label) => plotText(entryOf(study, label).name)), x: labels.map((label) => figure(label, part)),
    marker: { color: colours[part], line: { color: palette().ground, width: 1 } },
    text: labels.map((label) => `<b>${plotText(entryOf(study, label).name)}</b><br>${plotText(part)}: ${fixed(figure(label, part), 2)} kMACs/pixel, ${fixed((100 * figure(label, part)) / total(label), 1)}%`),
    textposition: "none", hovertemplate: "%{text}<extra></extra>",
  }));
  const most = Math.max(...labels.map(total));
  const look = layout({
    height: Math.max(170, 70 + 34 * labels.length), barmode: "stack", bargap: 0.35,
    xaxis: { label: `kMACs/pixel, ${COUNTINGS.find(([key]) => key.startsWith(counting))[1]}`, range: [0, most * 1.16] },
    yaxis: { autorange: "reversed", ticks: "", showgrid: false, tickfont: { size: 12, color: palette().ink } },
    annotations: labels.map((label) => ({
      x: total(label), y: plotText(entryOf(study, label).name), text: fixed(total(label), 1), showarrow: false, xanchor: "left", xshift: 4, font: { size: 12, color: palette().quiet },
    })),
  });
  draw(place, traces, look, `kMACs per pixel by part: ${labels.map((label) => `${label} ${fixed(total(label), 1)}`).join(", ")}. The parts are in the table below.`);
  replace(byId("parts-legend"), names.map((part) => element("span", { class: "entry still" }, element("i", { class: "block", style: `background:${colours[part]}` }), part)));
  byId("parts-caption").textContent = "Luma synthesis by part.";
  const columns = [
    { key: "variant", label: "Variant", text: true, value: (label) => label, cell: (label) => entryOf(study, label).name },
    ...names.map((part) => ({ key: part, label: part, value: (label) => figure(label, part), cell: (label) => fixed(figure(label, part), 2) })),
    { key: "total", label: "all", value: total, cell: (label) => fixed(total(label), 2) },
  ];
  sortable(byId("parts-table"), columns, labels);
}
