// The page: one study at a time, drawn again when the study, the theme or the width changes.

const page = { data: JSON.parse(byId("data").textContent), study: null, hidden: new Set() };

function choose(number) {
  page.study = page.data.studies[number];
  showAbout();
  showMissing();
  fillResults();
  fillCurves();
  fillTradeOff();
  fillPictures();
  fillImages();
  showAll();
  showProvenance();
}

function showAll() {
  showResults();
  showLegend();
  showCurves();
  showTradeOff();
  showPictures();
  showImages();
}

function start() {
  setUpTips();
  const { studies } = page.data;
  if (!studies.length) {
    showMissing();
    byId("main").hidden = true;
    byId("sections").hidden = true;
    return;
  }
  setUpResults();
  setUpCurves();
  setUpTradeOff();
  setUpPictures();
  setUpImages();
  fill(byId("study"), studies.map((study, at) => [String(at), study.name]));
  byId("study-control").hidden = studies.length < 2;
  byId("study").addEventListener("change", () => choose(Number(byId("study").value)));
  choose(0);
  darkQuery.addEventListener("change", showAll);
  const print = (begins) => () => {
    printing = begins;
    document.body.classList.toggle("printing", begins);
    showAll();
  };
  window.addEventListener("beforeprint", print(true));
  window.addEventListener("afterprint", print(false));
  let width = window.innerWidth;
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      showCurves();
      showTradeOff();
      place();
    }, 150);
  });
}

start();
