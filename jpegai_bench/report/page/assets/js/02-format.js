// Numbers as people read them; the tables hold them at full precision.

const MINUS = "\u2212";

/** Fixed digits with a real minus sign; never "−0.0". */
function fixed(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

function signed(value, digits) {
  const text = fixed(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

const interval = (low, high, digits) => `${fixed(low, digits)}…${fixed(high, digits)}`;

/** Rates in bpp: three digits that count. */
const rate = (bpp) => (bpp < 0.1 ? bpp.toFixed(4) : bpp.toFixed(3));

const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

/** What Plotly would take for markup in a label of the user's. */
const plotText = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const day = (time) => String(time ?? "").slice(0, 10);
