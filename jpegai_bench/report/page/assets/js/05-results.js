// The table of variants, and of the codecs beside them.

const COUNTINGS = [["published_kmacs_px", "published"], ["input_size_kmacs_px", "input size"], ["all_kmacs_px", "all MACs"]];

const entryOf = (study, label) => study.entries.find((entry) => entry.label === label);
const rowsAgainst = (study, anchor) => study.results.filter((row) => row.anchor === anchor);

function setUpResults() {
  byId("results-anchor").addEventListener("change", showResults);
  byId("peers").addEventListener("change", showResults);
}

function fillResults() {
  const { study } = page;
  fill(byId("results-anchor"), study.anchors.map((label) => [label, entryOf(study, label).name]));
  const peers = study.entries.filter((entry) => entry.role === "peer").length;
  byId("peers-control").hidden = !peers || !hasVariants(study);
  byId("peers-label").textContent = count(peers, "other codec");
  byId("peers").checked = false;
  replace(byId("results-downloads"), study.csv.filter((file) => file.table === "results").map((file) => download(file.name, file.text)));
}

const hasVariants = (study) => study.entries.some((entry) => entry.kind === "variant");

function showResults() {
  const { study } = page;
  const anchor = byId("results-anchor").value;
  const withPeers = byId("peers").checked || !hasVariants(study);
  const rows = rowsAgainst(study, anchor).filter((row) => row.kind === "variant" || withPeers);
  const columns = resultColumns(study, anchor, rows);
  const last = (row) => row.kind !== "variant" && hasVariants(study);
  sortable(byId("results-table"), columns, rows, { last, rowClass: (row) => (last(row) ? "peer" : "") });
  showResultNotes(study, anchor, rows, columns, rows.some((row) => row.kind !== "variant"));
}

function resultColumns(study, anchor, rows) {
  const against = `BD-rate against ${entryOf(study, anchor).name}, %`;
  const name = (row) => {
    const entry = entryOf(study, row.variant);
    return element("span", { class: "name" }, swatch(entry.style, false), entry.name);
  };
  const columns = [{ key: "variant", label: hasVariants(study) ? "Variant" : "Codec", text: true, value: (row) => row.variant, cell: name }];
  if (hasVariants(study)) columns.push(...complexityColumns(study), timeColumn(study));
  if (rows.some((row) => row.images_fewest !== row.images_most || row.images_most !== rows[0].images_most)) columns.push(IMAGES);
  if (rows.some((row) => row.variant === study.base) && rows.length > 1) columns.push(bdColumn(study, "vs_base", `vs ${study.base}`, "BD-rate, %", 2, anchor));
  columns.push(bdColumn(study, "mean", "Mean of 7", against, 1, anchor));
  for (const metric of study.metrics.filter((one) => one.shown)) columns.push(bdColumn(study, metric.name, metric.label, against, 1, anchor));
  return columns;
}

const IMAGES = {
  key: "images", label: "Images", tip: "images that the means are over, from the metric with the fewest to that with the most",
  value: (row) => row.images_fewest,
  cell: (row) => (row.images_fewest === row.images_most ? String(row.images_most) : `${row.images_fewest}–${row.images_most}`),
};

function complexityColumns(study) {
  const group = "kMACs/pixel, luma synthesis";
  const tips = [
    `a transposed convolution counted at its output size; below it the change from ${study.base}`,
    "the same, a transposed convolution counted at its input size",
    "at input size, and products without weights, as of the attention's matrices",
  ];
  const cell = (key) => (row) => {
    if (row.kind !== "variant") return "–";
    if (row[key] === null) return notAvailable(row.complexity_reason);
    const parts = measured(row[key], null, null, 1);
    if (key === "published_kmacs_px") {
      if (row.reduction_percent) parts.push(element("small", { class: "interval" }, `${signed(-row.reduction_percent, 1)}%`));
      const paper = paperFigure(study, row.variant, key);
      if (paper) parts.push(published(paper, 1));
    }
    return parts;
  };
  return COUNTINGS.map(([key, label], at) => ({ key, label, group, tip: tips[at], value: (row) => row[key], cell: cell(key) }));
}

function bdColumn(study, name, label, group, digits, anchor) {
  const key = `${name}_bd_rate`;
  const cell = (row) => {
    if (name === "vs_base" && row.variant === study.base) return "base";
    const value = row[key];
    const paper = paperFigure(study, row.variant, key, anchor);
    if (value === null) return [notAvailable(row[`${name}_reason`]), paper ? published(paper, digits) : null];
    return measured(value, row[`${name}_ci_low`], row[`${name}_ci_high`], digits, paper);
  };
  const value = (row) => (name === "vs_base" && row.variant === study.base ? null : row[key]);
  return { key, label, group, tip: "lower is better; below it the 95% bootstrap interval over images", value, cell };
}

/** What the paper says of it: its BD-rates are against VVC, and against its own base. */
function paperFigure(study, variant, key, anchor) {
  return key === "mean_bd_rate" && anchor !== "vvc" ? null : study.paper[variant]?.[key];
}

function timeColumn(study) {
  const cell = (row) => {
    if (row.decode_s === null) return row.kind === "variant" ? notAvailable("not timed", study.untimed[row.variant]) : "–";
    const times = study.times[row.variant];
    return measured(row.decode_s, times?.low, times?.high, 2);
  };
  return { key: "decode_s", label: "Decode, s", tip: "seconds a picture on one core, median; below it the fastest and the slowest", value: (row) => row.decode_s, cell };
}

function hasIntervals(rows) {
  return rows.some((row) => row.mean_ci_low !== null || row.vs_base_ci_low !== null);
}

function showResultNotes(study, anchor, rows, columns, withPeers) {
  const hvs = study.metrics.find((metric) => metric.name === `psnr_${study.hvs}`)?.label;
  const mean = study.no_mean ? `There is no mean of 7: ${study.no_mean}.` : `The mean of 7 is over the seven metrics, with ${hvs}.`;
  const said = [
    `Anchor ${entryOf(study, anchor).described}. BD-rate: ${study.method} on log rate per image, mean over images, ` +
      `${hasIntervals(rows) ? "with 95% bootstrap intervals" : "too few for 95% intervals"}; negative means less rate at equal quality. ${mean}`,
    columns.includes(IMAGES) || !rows[0]?.images_most ? "" : `All means are over ${count(rows[0].images_most, "image")}.`,
    rows.some((row) => columns.some((column) => paperFigure(study, row.variant, column.key, anchor))) ? "In gray: the paper\u2019s figures, from its own weights, training and images." : "",
    withPeers ? `Codecs: ${study.entries.filter((entry) => entry.role === "peer").map((entry) => entry.described).join("; ")}.` : "",
    ...study.notes,
  ];
  const reasons = new Set();
  for (const row of rows) {
    for (const column of columns) {
      const reason = row[column.key.replace("bd_rate", "reason")];
      if (column.key.endsWith("bd_rate") && row[column.key] === null && reason) reasons.add(reason);
      if (column.key === "decode_s" && row.kind === "variant" && row.decode_s === null) reasons.add("decode time: not timed");
    }
  }
  const list = reasons.size ? element("p", { class: "reasons" }, `NA: ${[...reasons].join("; ")}.`) : null;
  replace(byId("results-notes"), said.filter(Boolean).map((text) => element("p", {}, text)), list);
}
