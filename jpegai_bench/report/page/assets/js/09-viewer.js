// Two pictures on each other, wiped by a border, or side by side: one place and one zoom for both.

const view = { zoom: 0, x: 0.5, y: 0.5, border: 50 };

function setUpViewer() {
  for (const radio of document.querySelectorAll('input[name="zoom"]')) radio.addEventListener("change", () => zoomTo(Number(radio.value)));
  byId("wipe").addEventListener("input", () => moveBorder(Number(byId("wipe").value)));
  for (const pane of [byId("pane"), byId("second-pane")]) {
    pane.addEventListener("pointerdown", drag);
    pane.addEventListener("keydown", keys);
    pane.addEventListener("dblclick", (event) => { lookAt(event, pane); zoomTo(Math.min(8, 2 * (view.zoom || 1))); });
    pane.addEventListener("wheel", (event) => wheel(event, pane), { passive: false });
  }
  new ResizeObserver(place).observe(byId("panes"));
}

/** Put both pictures where zoom, place and border say. */
function place() {
  const { study } = page;
  const scene = study?.pictures.scenes.length ? sceneOf(study) : null;
  if (!scene) return;
  const panes = byId("panes");
  const beside = chosenRadio("view") === "side";
  const room = Math.floor(panes.getBoundingClientRect().width) || 600;
  const width = beside && room > 560 ? Math.floor((room - 8) / 2) : Math.min(room, Math.max(1.6 * scene.width, 640));
  const fit = Math.min(width / scene.width, (0.82 * window.innerHeight) / scene.height);
  const scale = view.zoom || fit;
  const height = Math.round(fit * scene.height);
  for (const pane of [byId("pane"), byId("second-pane")]) {
    pane.style.width = `${Math.round(view.zoom ? width : fit * scene.width)}px`;
    pane.style.height = `${height}px`;
    const [w, h] = [parseFloat(pane.style.width), height];
    const left = offset(w, scene.width * scale, view.x);
    const top = offset(h, scene.height * scale, view.y);
    for (const shot of pane.querySelectorAll(".shot")) {
      shot.style.width = `${scene.width * scale}px`;
      shot.style.height = `${scene.height * scale}px`;
      shot.style.transform = `translate(${left}px, ${top}px)`;
      shot.classList.toggle("pixels", view.zoom >= 2);
    }
    const border = pane.querySelector(".border");
    if (border) {
      const at = (view.border / 100) * w;
      border.style.left = `${at}px`;
      const cut = Math.min(Math.max(scene.width * scale - (at - left), 0), scene.width * scale);
      pane.querySelector(".shot.left").style.clipPath = `inset(0 ${cut}px 0 0)`;
    }
  }
  panes.dataset.scale = String(scale);
}

/** Where a picture of `size` begins in `room`, its centre at the share `at` where it is larger. */
function offset(room, size, at) {
  if (size <= room) return (room - size) / 2;
  return Math.min(0, Math.max(room - size, room / 2 - at * size));
}

function zoomTo(zoom) {
  view.zoom = zoom;
  for (const radio of document.querySelectorAll('input[name="zoom"]')) radio.checked = Number(radio.value) === zoom;
  place();
}

function moveBorder(at) {
  view.border = Math.min(100, Math.max(0, at));
  byId("wipe").value = String(view.border);
  place();
}

function moveBy(pane, dx, dy) {
  const scene = sceneOf(page.study);
  const scale = Number(byId("panes").dataset.scale);
  const inside = (at, room, size) => (size <= room ? 0.5 : Math.min(1 - room / size / 2, Math.max(room / size / 2, at)));
  view.x = inside(view.x - dx / (scene.width * scale), pane.clientWidth, scene.width * scale);
  view.y = inside(view.y - dy / (scene.height * scale), pane.clientHeight, scene.height * scale);
  place();
}

function drag(event) {
  if (event.button) return;
  const pane = event.currentTarget;
  const near = Math.abs(event.offsetX - parseFloat(pane.querySelector(".border")?.style.left ?? "-999")) < 24;
  const border = event.target.closest(".border") || (near && event.target.closest(".shot"));
  let [x, y] = [event.clientX, event.clientY];
  pane.setPointerCapture(event.pointerId);
  pane.focus({ preventScroll: true });
  const move = (next) => {
    if (border) moveBorder((100 * (next.clientX - pane.getBoundingClientRect().left)) / pane.clientWidth);
    else moveBy(pane, next.clientX - x, next.clientY - y);
    [x, y] = [next.clientX, next.clientY];
  };
  const stop = () => {
    pane.removeEventListener("pointermove", move);
    pane.removeEventListener("pointerup", stop);
    pane.removeEventListener("pointercancel", stop);
  };
  pane.addEventListener("pointermove", move);
  pane.addEventListener("pointerup", stop);
  pane.addEventListener("pointercancel", stop);
}

function lookAt(event, pane) {
  const scene = sceneOf(page.study);
  const scale = Number(byId("panes").dataset.scale);
  const box = pane.getBoundingClientRect();
  const left = offset(pane.clientWidth, scene.width * scale, view.x);
  const top = offset(pane.clientHeight, scene.height * scale, view.y);
  view.x = (event.clientX - box.left - left) / (scene.width * scale);
  view.y = (event.clientY - box.top - top) / (scene.height * scale);
}

const ZOOMS = [0, 1, 2, 4, 8];
const zoomStep = (step) => zoomTo(ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, ZOOMS.indexOf(view.zoom) + step))]);

/** With Ctrl, as a pinch sends it; the wheel alone scrolls the page. */
function wheel(event, pane) {
  if (!event.ctrlKey) return;
  event.preventDefault();
  if (event.deltaY < 0) lookAt(event, pane);
  zoomStep(event.deltaY < 0 ? 1 : -1);
}

function keys(event) {
  const pane = event.currentTarget;
  const step = 40;
  const does = {
    ArrowLeft: () => moveBy(pane, step, 0), ArrowRight: () => moveBy(pane, -step, 0), ArrowUp: () => moveBy(pane, 0, step), ArrowDown: () => moveBy(pane, 0, -step),
    "+": () => zoomStep(1), "=": () => zoomStep(1), "-": () => zoomStep(-1), "0": () => zoomTo(0), "[": () => moveBorder(view.border - 2), "]": () => moveBorder(view.border + 2),
  }[event.key];
  if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  does();
}
