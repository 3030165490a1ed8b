// Elements, and what every section does with them. Text from the data only ever becomes text, never markup.

const byId = (id) => document.getElementById(id);

/** An element: `properties` are attributes, or listeners where the value is a function. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function svg(tag, properties = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Fill a select with `[value, text]` pairs and choose one; a value that is not there leaves the first. */
function fill(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, text, disabled]) => element("option", { value, disabled }, text)));
  if (pairs.some(([value, , disabled]) => value === chosen && !disabled)) select.value = chosen;
}

function replace(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
}

const chosenRadio = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

/** A command with a button that copies it. */
function command(text) {
  const said = element("span", { class: "copied", role: "status" });
  const copy = async () => {
    said.textContent = (await copied(text)) ? "copied" : "select it and copy by hand";
    setTimeout(() => { said.textContent = ""; }, 2500);
  };
  const button = element("button", { type: "button", class: "small", click: copy, "aria-label": `Copy: ${text}` }, "Copy");
  return element("div", { class: "command" }, element("code", {}, text), button, said);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages that are opened as a file may not have the clipboard: the older way still works there.
    const field = element("textarea", { class: "hidden", "aria-hidden": "true" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** A button that saves `text` as a file. */
function download(name, text) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    const link = element("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  return element("button", { type: "button", class: "small", click: save, "data-file": name }, `CSV: ${name}`);
}

/** NA, with its reason for the pointer, the keyboard and a screen reader. */
function notAvailable(reason, more) {
  const told = [reason || "no reason is on record", more].filter(Boolean).join("\n");
  return element("span", { class: "na", tabindex: "0", "data-tip": told, "aria-label": `NA: ${told}` }, "NA");
}

/** One tooltip for everything that has `data-tip`, on hover and on focus; Escape closes it. */
function setUpTips() {
  const tip = byId("tip");
  const hide = () => { tip.hidden = true; };
  const show = (event) => {
    const target = event.target.closest?.("[data-tip]");
    if (!target) return hide();
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const place = target.getBoundingClientRect();
    const left = Math.min(Math.max(8, place.left), window.innerWidth - tip.offsetWidth - 8);
    const below = place.bottom + 6 + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${below ? place.bottom + 6 : place.top - 6 - tip.offsetHeight}px`;
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
}
