// R-D curves. The axes are those of all curves together: what is shown or hidden never moves them.

const RATE_TICKS = [0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1, 2, 4, 8];
const MEAN_IMAGE = "";

function setUpCurves() {
  for (const id of ["curves-metric", "curves-image"]) byId(id).addEventListener("change", showCurves);
  for (const radio of document.querySelectorAll('input[name="rate-axis"]')) radio.addEventListener("change", showCurves);
  byId("curves-points").addEventListener("toggle", showPointsTable);
}

function fillCurves() {
  const { study } = page;
  const metrics = study.metrics.filter((metric) => study.axes[metric.name]);
  fill(byId("curves-metric"), metrics.map((metric) => [metric.name, metric.label]), "psnr_y");
  page.hidden = new Set(study.entries.filter((entry) => entry.role === "peer" && hasVariants(study)).map((entry) => entry.label));
  const images = study.images.map((image) => [image, image]);
  fill(byId("curves-image"), [[MEAN_IMAGE, "Mean over images"], ...images]);
  showLegend();
}

/** The points of one curve, by rate: `[{bpp, quality, at}]`; of the mean curve without the codec's quality. */
function curvePoints(study, label, metric, image) {
  const from = image === MEAN_IMAGE ? study.means[metric]?.curves[label] : study.points[label]?.[image];
  if (!from) return [];
  const values = image === MEAN_IMAGE ? from.quality : from[metric];
  if (!values) return [];
  const points = values.map((value, at) => ({ bpp: from.bpp[at], value, at: image === MEAN_IMAGE ? null : from.quality[at] }));
  return points.filter((point) => point.value !== null && point.bpp > 0);
}

function showCurves() {
  const { study } = page;
  const metric = study.metrics.find((one) => one.name === byId("curves-metric").value);
  const image = byId("curves-image").value;
  const place = byId("curves-plot");
  const axes = metric && study.axes[metric.name]?.[image];
  if (!axes) {
    const why = image === MEAN_IMAGE ? "No image has every point of every curve: choose one image." : "No codec was measured on this image.";
    drawNothing(place, metric ? why : "There are no points to draw.");
    byId("curves-caption").textContent = "";
    return;
  }
  const shown = study.entries.filter((entry) => curvePoints(study, entry.label, metric.name, image).length);
  // Codecs below, variants on top, as in the other figures.
  const order = [...shown.filter((entry) => entry.kind !== "variant"), ...shown.filter((entry) => entry.kind === "variant")];
  const traces = order.map((entry) => curveTrace(study, entry, metric, image));
  const log = chosenRadio("rate-axis") === "log";
  const worse = metric.higher ? "" : ", lower is better";
  const look = layout({
    height: plotHeight(place, 0.52, 300, 520),
    xaxis: log
      ? { label: "rate, bpp", type: "log", range: axes.log.map(Math.log10), tickvals: RATE_TICKS, ticktext: RATE_TICKS.map(String) }
      : { label: "rate, bpp", type: "linear", range: axes.linear },
    yaxis: { label: `${metric.label}${metric.unit ? `, ${metric.unit}` : ""}${worse}`, range: axes.quality },
  });
  const names = shown.filter((entry) => !page.hidden.has(entry.label)).map((entry) => entry.name);
  const of = image === MEAN_IMAGE ? `mean of ${count(study.means[metric.name].images, "image")}` : `image ${image}`;
  draw(place, traces, look, `${metric.label} over rate, ${of}: curves of ${names.join(", ") || "nothing"}.`);
  byId("curves-caption").textContent = `${metric.label} over rate, ${of}${worse}. The axes stay as they are when curves are hidden.`;
  showPointsTable();
}

function curveTrace(study, entry, metric, image) {
  const points = curvePoints(study, entry.label, metric.name, image);
  const told = points.map((point) => {
    const unit = metric.unit ? ` ${metric.unit}` : "";
    const quality = point.at === null ? "" : `<br>quality ${point.at}`;
    return `<b>${plotText(entry.name)}</b><br>${rate(point.bpp)} bpp<br>${metric.label} ${fixed(point.value, metric.decimals)}${unit}${quality}`;
  });
  return {
    name: plotText(entry.name),
    meta: entry.label,
    visible: !page.hidden.has(entry.label),
    x: points.map((point) => point.bpp),
    y: points.map((point) => point.value),
    text: told,
    hovertemplate: "%{text}<extra></extra>",
    mode: "lines+markers",
    cliponaxis: true,
    line: strokes(entry.style),
    marker: marker(entry.style),
  };
}

function showLegend() {
  const { study } = page;
  const make = (entry) => {
    const flip = () => {
      if (page.hidden.has(entry.label)) page.hidden.delete(entry.label);
      else page.hidden.add(entry.label);
      showLegend();
      showCurves();
      byId("curves-legend").querySelector(`[data-label="${CSS.escape(entry.label)}"]`).focus();
    };
    const pressed = String(!page.hidden.has(entry.label));
    return element("button", { type: "button", class: "entry", "aria-pressed": pressed, "data-label": entry.label, click: flip }, swatch(entry.style), entry.name);
  };
  const all = (hide) => () => {
    page.hidden = new Set(study.entries.filter(hide).map((entry) => entry.label));
    showLegend();
    showCurves();
  };
  const buttons = study.entries.map(make);
  if (study.entries.some((entry) => entry.role === "peer")) {
    buttons.push(element("button", { type: "button", class: "small", id: "show-all", click: all(() => false) }, "Show all"));
    if (hasVariants(study)) buttons.push(element("button", { type: "button", class: "small", id: "hide-peers", click: all((entry) => entry.role === "peer") }, "Variants and anchors"));
  }
  replace(byId("curves-legend"), buttons);
}

/** The figures that hovering shows, for those who do not hover. */
function showPointsTable() {
  const { study } = page;
  const metric = study.metrics.find((one) => one.name === byId("curves-metric").value);
  if (!byId("curves-points").open || !metric) return;
  const image = byId("curves-image").value;
  const rows = study.entries
    .filter((entry) => !page.hidden.has(entry.label))
    .flatMap((entry) => curvePoints(study, entry.label, metric.name, image).map((point) => ({ entry, ...point })));
  const columns = [
    { key: "codec", label: "Codec", text: true, value: (row) => row.entry.name },
    { key: "bpp", label: "Rate, bpp", value: (row) => row.bpp, cell: (row) => rate(row.bpp) },
    { key: "value", label: metric.label, value: (row) => row.value, cell: (row) => fixed(row.value, metric.decimals) },
  ];
  if (image !== MEAN_IMAGE) columns.push({ key: "at", label: "Quality", value: (row) => row.at });
  sortable(byId("curves-table"), columns, rows);
}

/** Pixels of height for the width that a plot has. */
function plotHeight(place, share, least, most) {
  return Math.round(Math.min(Math.max(place.clientWidth * share, least), most));
}
