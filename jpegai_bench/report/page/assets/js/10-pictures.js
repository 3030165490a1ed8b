// Which two pictures are shown, how near their rates are, and the figures of both.

const ORIGINAL = "\u0000original";

function setUpPictures() {
  for (const id of ["picture-image", "picture-rate", "picture-left", "picture-right", "error-map"]) byId(id).addEventListener("change", () => showPictures(id));
  for (const radio of document.querySelectorAll('input[name="view"]')) radio.addEventListener("change", () => showPictures());
  setUpViewer();
}

/** How far a rate is from 0.25 bpp, at which codecs are told apart by eye. */
const octaves = (bpp) => Math.abs(Math.log2(bpp / 0.25));
const sceneOf = (study) => study.pictures.scenes.find((scene) => scene.image === byId("picture-image").value);

function fillPictures() {
  const { study } = page;
  const { scenes } = study.pictures;
  byId("viewer").hidden = !scenes.length;
  fill(byId("picture-image"), scenes.map((scene) => [scene.image, scene.image]));
  if (scenes.length) {
    fillScene();
    const labels = Object.keys(scenes[0].shots);
    byId("picture-left").value = labels[0] ?? ORIGINAL;
    byId("picture-right").value = labels[1] ?? ORIGINAL;
  }
  showPictureNotes(study);
}

/** The rates and codecs of an image; those that were chosen stay where there are such. */
function fillScene() {
  const { study } = page;
  const scene = sceneOf(study);
  const rates = scene.rates.map((bpp, at) => [String(at), `${rate(bpp)} bpp`]);
  const usual = scene.rates.reduce((best, bpp, at) => (octaves(bpp) < octaves(scene.rates[best]) ? at : best), 0);
  fill(byId("picture-rate"), rates, byId("picture-rate").value || String(usual));
  const codecs = study.entries.map((entry) => (scene.shots[entry.label] ? [entry.label, entry.name] : [entry.label, `${entry.name} (no pictures)`, true]));
  for (const id of ["picture-left", "picture-right"]) fill(byId(id), [[ORIGINAL, "original"], ...codecs], byId(id).value);
}

/** Picture, figures and name of one side; of the original there is neither rate nor error. */
function sideOf(study, scene, id) {
  const label = byId(id).value;
  if (label === ORIGINAL || !scene.shots[label]) return { name: "original", source: study.pictures.files[scene.original], error: null, shot: null };
  const shots = scene.shots[label];
  const shot = shots[Number(byId("picture-rate").value)] ?? shots[0];
  return { name: entryOf(study, label).name, source: study.pictures.files[shot.picture], error: study.pictures.files[shot.error], shot };
}

function showPictures(changed) {
  const { study } = page;
  if (!study.pictures.scenes.length) return;
  if (changed === "picture-image") fillScene();
  const scene = sceneOf(study);
  const sides = [sideOf(study, scene, "picture-left"), sideOf(study, scene, "picture-right")];
  const errors = byId("error-map").checked;
  const beside = chosenRadio("view") === "side";
  byId("second-pane").hidden = !beside;
  byId("wipe-control").hidden = beside;
  byId("stage").classList.toggle("beside", beside);
  byId("error-scale").hidden = !errors;
  const [left, right] = sides.map((side, at) => picture(scene, side, errors, at ? "right" : "left"));
  const names = sides.map((side, at) => element("span", { class: `tag ${at ? "right" : "left"}` }, side.name));
  if (beside) {
    replace(byId("pane"), left, names[0]);
    replace(byId("second-pane"), right, names[1]);
  } else {
    replace(byId("pane"), right, left, element("div", { class: "border" }, element("i", {})), names);
  }
  const what = errors ? "Error maps" : "Pictures";
  byId("pane").setAttribute("aria-label", `${what} of ${scene.image}: left ${sides[0].name}, right ${sides[1].name}`);
  byId("second-pane").setAttribute("aria-label", `${what} of ${scene.image}: ${sides[1].name}`);
  place();
  showMatch(study, scene, sides);
}

function picture(scene, side, errors, role) {
  const rateTold = side.shot ? ` at ${rate(side.shot.bpp)} bpp` : "";
  const alt = errors ? `Error map of ${scene.image}, ${side.name}${rateTold}` : `${scene.image}, ${side.name}${rateTold}`;
  if (errors && !side.error) return element("div", { class: `shot ${role} blank`, role: "img", "aria-label": `${alt}: no error` });
  const source = errors ? side.error : side.source;
  return element("img", { src: source, alt, class: `shot ${role}${errors ? " heat" : ""}`, draggable: "false", width: scene.width, height: scene.height });
}

/** How near the two rates are, and the figures of both. */
function showMatch(study, scene, sides) {
  const [one, other] = sides;
  const said = [];
  if (one.shot && other.shot) {
    const more = 100 * (other.shot.bpp / one.shot.bpp - 1);
    said.push(Math.abs(more) < 0.05 ? `Both at ${rate(one.shot.bpp)} bpp.` : `${one.name} at ${rate(one.shot.bpp)} bpp, ${other.name} at ${rate(other.shot.bpp)} bpp: ${signed(more, 1)}% rate, as near as its points come.`);
  }
  const alone = one.shot && !other.shot ? one : other.shot && !one.shot ? other : null;
  if (alone) said.push(`${alone.name} at ${rate(alone.shot.bpp)} bpp.`);
  if (scene.width !== scene.whole[0] || scene.height !== scene.whole[1]) said.push(`The middle ${scene.width}×${scene.height} of ${scene.whole.join("×")} pixels; images=linked shows all. The figures are of the whole picture.`);
  for (const side of sides) if (side.shot?.note) said.push(`${side.name} coded again with ${side.shot.note}.`);
  byId("match").textContent = [...new Set(said)].join(" ");
  const rows = [{ name: "bpp", label: "Rate, bpp", read: (shot) => shot.bpp, told: rate, digits: 4 }, { name: "quality", label: "Quality, own scale", read: (shot) => shot.quality, told: String, digits: null }];
  for (const metric of study.metrics) rows.push({ name: metric.name, label: `${metric.label}${metric.unit ? `, ${metric.unit}` : ""}${metric.higher ? "" : " (lower is better)"}`, read: (shot) => shot.metrics[metric.name], told: (value) => fixed(value, metric.decimals), digits: metric.decimals });
  const valueOf = (side, row) => (side.shot ? row.read(side.shot) ?? null : null);
  const cell = (side) => (row) => {
    if (!side.shot) return "–";
    const value = valueOf(side, row);
    return value === null ? notAvailable("not measured at this size, or not applicable: see run.json") : row.told(value);
  };
  const difference = (row) => {
    const [a, b] = sides.map((side) => valueOf(side, row));
    return a === null || b === null || row.digits === null ? null : b - a;
  };
  const columns = [
    { key: "figure", label: "Figure", text: true, value: (row) => row.label },
    { key: "left", label: one.name, value: (row) => valueOf(one, row), cell: cell(one), tip: "left picture" },
    { key: "right", label: other.name, value: (row) => valueOf(other, row), cell: cell(other), tip: "right picture" },
    { key: "difference", label: "Difference", value: difference, cell: (row) => (difference(row) === null ? "–" : signed(difference(row), row.digits)), tip: "right minus left" },
  ];
  sortable(byId("picture-table"), columns, rows);
}

function showPictureNotes(study) {
  replace(byId("error-scale"), element("span", {}, "0"), element("i", { class: "ramp" }), element("span", {}, `${study.pictures.full}+ levels of 255, mean of |R|, |G|, |B| differences`));
  const lacks = study.lacks.filter((lack) => lack.kind === "pictures");
  const notes = [study.pictures.about ? element("p", {}, study.pictures.about) : null];
  if (!study.pictures.scenes.length) notes.push(element("p", { class: "nothing" }, "The store holds no decoded pictures of these runs. The commands below make them; what is measured is not measured again."));
  notes.push(lackList(lacks, "Pictures that are not here, and what makes them"));
  replace(byId("picture-notes"), notes);
}
