// Names beside points, where they cover neither each other nor points, intervals and lines.

const NEAR = 9;
const LINE = 15;
const measuring = document.createElement("canvas").getContext("2d");

/**
 * Annotations for `spots`: {text, x, y, low, high, at}, in pixels from the top left of `room` ({width, height}),
 * `at` the point in the plot's own coordinates. `marks` are boxes, [left, top, right, bottom], to keep clear of.
 */
function besidePoints(spots, room, marks) {
  const taken = marks.slice();
  for (const spot of spots) {
    taken.push([spot.x - 3, spot.high - 1, spot.x + 3, spot.low + 1]);
    taken.push([spot.x - 7, spot.y - 7, spot.x + 7, spot.y + 7]);
  }
  measuring.font = `12px ${FONT}`;
  return spots.slice().sort((a, b) => a.x - b.x || a.y - b.y).map((spot) => {
    const width = measuring.measureText(spot.text).width + 4;
    const others = spots.filter((other) => other !== spot);
    const price = ({ box, far }) => far + taken.reduce((sum, mark) => sum + covered(box, mark), 0) + 1000 * outside(box, room) + unclear(box, spot, others);
    const best = placesOf(spot, width).reduce((a, b) => (price(b) < price(a) ? b : a));
    taken.push(best.box);
    const [right, down] = [best.box[0] - spot.x + 2, (best.box[1] + best.box[3]) / 2 - spot.y];
    const place = best.far > 2 * NEAR
      ? { showarrow: true, arrowhead: 0, arrowwidth: 0.8, arrowcolor: palette().quiet, standoff: 6, ax: right, ay: down }
      : { showarrow: false, xshift: right, yshift: -down };
    return { ...spot.at, ...place, text: plotText(spot.text), xanchor: "left", yanchor: "middle", align: "left", font: { size: 12, color: palette().ink }, borderpad: 0 };
  });
}

function placesOf(spot, width) {
  const places = [];
  for (const gap of [NEAR, 2 * NEAR, 4 * NEAR, 7 * NEAR]) {
    for (const [across, down] of [[1, 0], [-1, 0], [1, -1], [-1, -1], [1, 1], [-1, 1]]) {
      const left = spot.x + across * gap - (across < 0 ? width : 0);
      const top = spot.y + down * gap - (down > 0 ? 0 : down < 0 ? LINE : LINE / 2);
      places.push({ box: [left, top, left + width, top + LINE], far: gap });
    }
  }
  for (const top of [spot.high - 3 - LINE, spot.low + 3]) places.push({ box: [spot.x - width / 2, top, spot.x + width / 2, top + LINE], far: 1.5 * NEAR });
  return places;
}

function covered(a, b) {
  const [across, down] = [Math.min(a[2], b[2]) - Math.max(a[0], b[0]), Math.min(a[3], b[3]) - Math.max(a[1], b[1])];
  return across > 0 && down > 0 ? 50 + across * down : 0;
}

const outside = (box, room) => Math.max(0, -box[0]) + Math.max(0, -box[1]) + Math.max(0, box[2] - room.width) + Math.max(0, box[3] - room.height);

/** What it costs that a name can be taken for another point's. */
function unclear(box, spot, others) {
  const own = distance(box, spot);
  return 40 * others.filter((other) => distance(box, other) < own + 2).length;
}

const distance = (box, spot) => Math.hypot(Math.max(box[0] - spot.x, spot.x - box[2], 0), Math.max(box[1] - spot.low, spot.high - box[3], 0));
