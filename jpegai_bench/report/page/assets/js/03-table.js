// Tables that are sorted by a click, or a key, on a column's head.

/**
 * A table into `place`.
 *
 * columns: {key, label, group, tip, value(row), cell(row), text, rank}; `value` is what is sorted by and what
 * `data-value` holds, `cell` what is shown. options: {caption, sort: [key, descending], last(row)}; rows of
 * which `last` is true stand below the others however they are sorted.
 */
function sortable(place, columns, rows, options = {}) {
  let [key, down] = options.sort ?? [null, false];
  const body = element("tbody");
  const heads = columns.map((column) => {
    const sort = () => {
      down = key === column.key ? !down : Boolean(column.descending);
      key = column.key;
      show();
    };
    const button = element("button", { type: "button", click: sort, "data-tip": column.tip }, column.label);
    return element("th", { scope: "col", class: column.text ? "text" : "number", "data-key": column.key }, button);
  });
  const show = () => {
    const column = columns.find((one) => one.key === key);
    const order = column ? rows.slice().sort((a, b) => compare(a, b, column, down, options.last)) : rows;
    heads.forEach((head, at) => {
      const sorted = columns[at].key === key;
      if (sorted) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    body.replaceChildren(...order.map((row) => line(row, columns, options.rowClass?.(row))));
  };
  const head = element("thead", {}, groups(columns), element("tr", {}, heads));
  const caption = options.caption ? element("caption", {}, options.caption) : null;
  place.replaceChildren(element("table", {}, caption, head, body));
  show();
}

/** The row above the columns' heads that names what several have in common. */
function groups(columns) {
  if (!columns.some((column) => column.group)) return null;
  const cells = [];
  for (const column of columns) {
    const before = cells.at(-1);
    if (before && column.group && before.group === column.group) before.span += 1;
    else cells.push({ group: column.group, span: 1 });
  }
  const make = ({ group, span }) =>
    group ? element("th", { colspan: span, scope: "colgroup", class: "group" }, group) : element("td", { colspan: span });
  return element("tr", { class: "groups" }, cells.map(make));
}

function line(row, columns, rowClass) {
  const cells = columns.map((column, at) => {
    const value = column.value(row);
    const known = value !== null && value !== undefined;
    const attributes = { class: column.text ? "text" : "number", "data-key": column.key, "data-value": known ? value : "NA" };
    if (column.style) attributes.style = column.style(row);
    const content = column.cell ? column.cell(row) : known ? String(value) : notAvailable(column.reason?.(row));
    return element(at ? "td" : "th", at ? attributes : { ...attributes, scope: "row" }, content);
  });
  return element("tr", { class: rowClass || null }, cells);
}

/** NA stands last, whichever way is sorted. */
function compare(one, other, column, down, last) {
  const kept = last ? Number(last(one)) - Number(last(other)) : 0;
  if (kept) return kept;
  const [a, b] = [column.value(one), column.value(other)];
  const [absent, absentOther] = [a === null || a === undefined, b === null || b === undefined];
  if (absent || absentOther) return Number(absent) - Number(absentOther);
  const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  return down ? -order : order;
}

/** A value with its interval in a second line, and the paper's figure in gray in a third. */
function measured(value, low, high, digits, paper) {
  const parts = [element("span", { class: "value" }, fixed(value, digits))];
  if (low !== null && low !== undefined) parts.push(element("small", { class: "interval" }, interval(low, high, digits)));
  if (paper) parts.push(published(paper, digits));
  return parts;
}

function published(paper, digits) {
  const tip = `${paper.where}: other weights, other training and other images than here`;
  return element("small", { class: "paper", tabindex: "0", "data-tip": tip }, `paper ${fixed(paper.value, digits)}`);
}
