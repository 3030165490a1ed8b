// Where the numbers come from, and how to make them again.

function lackList(lacks, title) {
  if (!lacks.length) return null;
  const items = lacks.map((lack) => element("li", {}, element("span", {}, lack.why ? `${lack.what}: ${lack.why}` : lack.what), lack.command ? command(lack.command) : null));
  const open = lacks.length <= 3;
  return element("details", { class: "lacks", open }, element("summary", {}, `${title} (${lacks.length})`), element("ul", {}, items));
}

function showAbout() {
  const { study } = page;
  byId("title").textContent = study.name;
  const pairs = study.about.map(([term, text]) => [element("dt", {}, term), element("dd", {}, text)]);
  replace(byId("about"), pairs.map((pair) => element("div", {}, pair)));
}

function showMissing() {
  const { study, data } = page;
  const lacks = [...data.missing, ...(study ? study.lacks.filter((lack) => lack.kind !== "pictures") : [])];
  const first = study ? null : element("p", { class: "nothing" }, "There is nothing to show yet. What this page needs, and what makes it:");
  replace(byId("missing"), first, lackList(lacks, "What is missing"));
  if (first) byId("missing").querySelector("details").open = true;
}

/** A value of a manifest: lists of plain values in a line, what has parts as JSON. */
function written(value) {
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) return value.join(", ");
  return typeof value === "object" ? element("pre", {}, JSON.stringify(value, null, 1)) : String(value);
}

function showProvenance() {
  const { study } = page;
  const figures = study.commands.map((one) => element("li", {}, element("span", {}, one.what), command(one.command)));
  const files = study.csv.map((file) => download(file.name, file.text));
  const runs = study.runs.map((run) => {
    const days = [...new Set([day(run.manifest.start), day(run.manifest.end)])].filter(Boolean);
    const dates = days.length ? `, ${days.join(" to ")}` : "";
    const told = element("dl", { class: "manifest" }, Object.entries(run.manifest).map(([key, value]) => [element("dt", {}, key), element("dd", {}, written(value))]));
    return element("details", { class: "run" }, element("summary", {}, element("b", {}, run.name), ` ${run.kind}, key `, element("code", {}, run.key), dates), command(run.command), told);
  });
  replace(
    byId("provenance-body"),
    element("h3", {}, "Make the figures again"), element("ul", { class: "commands" }, figures),
    element("h3", { class: "screen" }, "Tables as CSV"), element("p", { class: "downloads" }, files),
    element("h3", {}, "Runs"), element("p", {}, "Each with its command, its resolved configuration, versions of software, and hashes of weights, code and images."), runs,
  );
}
