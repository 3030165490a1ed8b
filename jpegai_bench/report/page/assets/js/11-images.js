// BD-rate of each image, those first on which variants differ most.

function setUpImages() {
  for (const id of ["image-metric", "image-anchor"]) byId(id).addEventListener("change", showImages);
}

function fillImages() {
  const { study } = page;
  const shown = study.metrics.filter((metric) => metric.shown).map((metric) => [metric.name, metric.label]);
  fill(byId("image-metric"), study.no_mean ? shown : [["mean", "Mean of 7"], ...shown]);
  fill(byId("image-anchor"), study.anchors.map((label) => [label, entryOf(study, label).name]));
  replace(byId("image-downloads"), study.csv.filter((file) => file.table === "per_image").map((file) => download(file.name, file.text)));
}

function showImages() {
  const { study } = page;
  const [metric, anchor] = [byId("image-metric").value, byId("image-anchor").value];
  const cells = new Map();
  for (const one of study.per_image) if (one.anchor === anchor && one.metric === metric) cells.set(`${one.variant}\u0000${one.image}`, one);
  const shown = study.entries.filter((entry) => (hasVariants(study) ? entry.kind === "variant" : entry.role === "peer"));
  const cellOf = (image, label) => cells.get(`${label}\u0000${image}`) ?? { bd_rate: null, reason: "not measured" };
  const yardstick = shown.find((entry) => entry.label === study.base);
  const means = new Map(shown.map((entry) => [entry.label, average(study.images.map((image) => cellOf(image, entry.label).bd_rate))]));
  const reference = (image, label) => (yardstick && label !== yardstick.label ? cellOf(image, yardstick.label).bd_rate : yardstick && shown.length > 1 ? null : means.get(label));
  const difference = (image, label) => {
    const [own, other] = [cellOf(image, label).bd_rate, reference(image, label)];
    return own === null || other === null || other === undefined ? null : own - other;
  };
  const largest = (image) => {
    const all = shown.map((entry) => ({ entry, value: difference(image, entry.label) })).filter((one) => one.value !== null);
    return all.sort((a, b) => Math.abs(b.value) - Math.abs(a.value))[0] ?? null;
  };
  const most = Math.max(1e-9, ...study.images.map((image) => Math.abs(largest(image)?.value ?? 0)));
  const against = yardstick && shown.length > 1 ? study.base : "its own mean";
  const columns = [{ key: "image", label: "Image", text: true, value: (image) => image }];
  for (const entry of shown) {
    columns.push({
      key: entry.label, label: entry.name, group: `BD-rate against ${entryOf(study, anchor).name}, %`,
      value: (image) => cellOf(image, entry.label).bd_rate,
      cell: (image) => { const one = cellOf(image, entry.label); return one.bd_rate === null ? notAvailable(one.reason) : fixed(one.bd_rate, 1); },
      style: (image) => tint(difference(image, entry.label), most),
    });
  }
  columns.push({
    key: "difference", label: `Largest difference from ${against}`, descending: true, tip: "in points of BD-rate",
    value: (image) => { const one = largest(image); return one && Math.abs(one.value); },
    cell: (image) => { const one = largest(image); return one ? `${signed(one.value, 1)} ${shown.length > 1 ? one.entry.name : ""}` : notAvailable("no variant has a BD-rate on this image, or there is nothing to compare with"); },
  });
  columns.push({ key: "see", label: "See", text: true, value: (image) => image, cell: (image) => links(study, image, largest(image)?.entry, metric) });
  sortable(byId("image-table"), columns, study.images, { sort: ["difference", true] });
  const tinted = `Tinted: the difference from ${against}, blue where less rate is needed, orange where more.`;
  replace(byId("image-notes"), element("p", {}, metric === "mean" ? `Mean of 7: the unweighted mean of the image's seven BD-rates, which the CSV holds. ${tinted}` : tinted));
}

function average(values) {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

function tint(difference, most) {
  if (difference === null) return null;
  const share = Math.round(34 * Math.min(1, Math.abs(difference) / most));
  return share < 2 ? null : `background: color-mix(in srgb, ${difference < 0 ? "var(--less)" : "var(--more)"} ${share}%, transparent)`;
}

function links(study, image, entry, metric) {
  const toCurve = () => {
    byId("curves-image").value = image;
    if (metric !== "mean") byId("curves-metric").value = metric;
    if (entry) page.hidden.delete(entry.label);
    showLegend();
    showCurves();
  };
  const toPictures = () => {
    byId("picture-image").value = image;
    const scene = sceneOf(study);
    fillScene();
    if (entry && scene.shots[entry.label]) byId("picture-right").value = entry.label;
    if (entry && scene.shots[study.base] && entry.label !== study.base) byId("picture-left").value = study.base;
    showPictures();
  };
  const pictured = study.pictures.scenes.some((scene) => scene.image === image);
  const shown = pictured
    ? element("a", { href: "#pictures", click: toPictures }, "pictures")
    : element("span", { class: "none", tabindex: "0", "data-tip": "No decoded pictures of this image: pictures=all keeps those of every image, images=linked shows all that are kept." }, "pictures");
  return [element("a", { href: "#curves", click: toCurve }, "curve"), " ", shown];
}
