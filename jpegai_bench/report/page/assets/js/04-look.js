// How plots look: the page's colours, light or dark, and each curve's own style.

const darkQuery = window.matchMedia("(prefers-color-scheme: dark)");
let printing = false;
const isDark = () => darkQuery.matches && !printing;

function palette() {
  return isDark()
    ? { ink: "#e4e6e8", quiet: "#a0a8b0", rule: "#353b41", grid: "#262b30", ground: "#14171a", raised: "#22272c" }
    : { ink: "#1c2024", quiet: "#5c646c", rule: "#b4bac0", grid: "#e6e8ea", ground: "#ffffff", raised: "#ffffff" };
}

const colour = (style) => (isDark() ? style.dark : style.light);
const FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif";

function layout(more) {
  const now = palette();
  const axis = {
    gridcolor: now.grid, linecolor: now.rule, tickcolor: now.rule, zeroline: false, ticks: "outside", ticklen: 4,
    showline: true, automargin: true, tickfont: { size: 12, color: now.quiet }, fixedrange: false,
  };
  const title = (text) => ({ text, font: { size: 13, color: now.ink }, standoff: 8 });
  return {
    paper_bgcolor: now.ground,
    plot_bgcolor: now.ground,
    font: { family: FONT, size: 12, color: now.ink },
    margin: { l: 8, r: 12, t: 12, b: 8 },
    showlegend: false,
    hovermode: "closest",
    hoverlabel: { bgcolor: now.raised, bordercolor: now.rule, font: { family: FONT, size: 12, color: now.ink }, align: "left" },
    ...more,
    xaxis: { ...axis, ...more.xaxis, title: title(more.xaxis.label) },
    yaxis: { ...axis, ...more.yaxis, title: title(more.yaxis.label ?? "") },
  };
}

const PLOT_OPTIONS = {
  displaylogo: false,
  displayModeBar: "hover",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  toImageButtonOptions: { format: "svg" },
};

/** Draw, or draw again in place, as wide as there is room; the text is what a screen reader says. */
function draw(place, traces, look, text) {
  look.width = place.clientWidth;
  place.classList.remove("empty");
  place.setAttribute("aria-label", text);
  return Plotly.react(place, traces, look, PLOT_OPTIONS);
}

/** Instead of a plot, why there is none. */
function drawNothing(place, reason) {
  if (place.data) Plotly.purge(place);
  place.classList.add("empty");
  place.setAttribute("aria-label", reason);
  replace(place, element("p", { class: "nothing" }, reason));
}

function marker(style, scale = 1) {
  const own = colour(style);
  const open = /thin|^y-|^line-/.test(style.symbol);
  return {
    symbol: open ? `${style.symbol}-open` : style.symbol,
    size: style.size * scale * (open ? 1.25 : 1.15),
    color: style.hollow && !open ? palette().ground : own,
    line: { color: own, width: 1.3 },
    opacity: 1,
  };
}

const strokes = (style) => ({
  color: colour(style),
  width: style.width,
  dash: style.dash.length ? style.dash.map((length) => `${length}px`).join(",") : "solid",
});

const SHAPES = {
  circle: "M4 0A4 4 0 1 1-4 0A4 4 0 1 1 4 0Z", square: "M-3.5-3.5H3.5V3.5H-3.5Z", diamond: "M0-4.8L4.8 0L0 4.8L-4.8 0Z",
  "diamond-tall": "M0-5L3.2 0L0 5L-3.2 0Z", "triangle-up": "M0-4.6L4.4 3.2H-4.4Z", "triangle-down": "M0 4.6L4.4-3.2H-4.4Z",
  "triangle-left": "M-4.6 0L3.2-4.4V4.4Z", "triangle-right": "M4.6 0L-3.2-4.4V4.4Z",
  cross: "M-1.5-4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5Z",
  x: "M0-2.1L2.4-4.5L4.5-2.4L2.1 0L4.5 2.4L2.4 4.5L0 2.1L-2.4 4.5L-4.5 2.4L-2.1 0L-4.5-2.4L-2.4-4.5Z",
  pentagon: "M0-4.6L4.4-1.4L2.7 3.7H-2.7L-4.4-1.4Z", hexagon: "M4.4 0L2.2 3.8H-2.2L-4.4 0L-2.2-3.8H2.2Z",
  octagon: "M1.8-4.3L4.3-1.8V1.8L1.8 4.3H-1.8L-4.3 1.8V-1.8L-1.8-4.3Z",
  star: "M0-5L1.3-1.6L4.8-1.5L2 .7L3 4L0 2L-3 4L-2 .7L-4.8-1.5L-1.3-1.6Z",
  "x-thin": "M-4-4L4 4M-4 4L4-4", "cross-thin": "M-4.6 0H4.6M0-4.6V4.6", "line-ns": "M0-5V5", "line-ew": "M-5 0H5",
  "y-down": "M0 5V0L-4-3M0 0L4-3", "y-up": "M0-5V0L-4 3M0 0L4 3", "y-left": "M-5 0H0L3-4M0 0L3 4", "y-right": "M5 0H0L-3-4M0 0L-3 4",
};

/** Line and marker of a curve, as a legend shows them. */
function swatch(style, withLine = true) {
  const own = colour(style);
  const scale = Math.min(1, style.size / 7.5);
  const open = /thin|^y-|^line-/.test(style.symbol);
  const filled = open ? "none" : style.hollow ? palette().ground : own;
  const shape = svg("path", { d: SHAPES[style.symbol], fill: filled, stroke: own, "stroke-width": 1.3, transform: `translate(${withLine ? 19 : 8} 8) scale(${scale})` });
  const line = svg("path", { d: "M1 8H37", stroke: own, "stroke-width": style.width, "stroke-dasharray": style.dash.join(" "), fill: "none" });
  const width = withLine ? 38 : 16;
  return svg("svg", { viewBox: `0 0 ${width} 16`, width, height: 16, "aria-hidden": "true", class: "swatch" }, ...(withLine ? [line] : []), shape);
}
