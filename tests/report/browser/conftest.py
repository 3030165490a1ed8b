"""The report in headless Chromium: pages made by the real command from real runs."""

import os
import shutil

import pytest
from command import DATA, TINY, bench, picture
from plausible_store import make_report

from jpegai_bench.errors import BenchError
from jpegai_bench.store.store import Store

SMOKE = "test_every_section_is_there_and_the_page_loads_nothing"
"""The one test that runs each time; the others run on demand."""
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in item.path.parts and item.name != SMOKE:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    # Chromium has no sandbox for root, as in a container.
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


class Opened:
    """A page that was opened, with all that it said and asked for."""

    def __init__(self, browser, path, width=1280, dark=False):
        self.context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            permissions=["clipboard-read", "clipboard-write"],
        )
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.url = path.as_uri()
        self.page.goto(self.url)

    def curve(self, label):
        """The trace of a curve, as it is drawn."""
        traces = self.page.evaluate("document.getElementById('curves-plot').data")
        return next(trace for trace in traces if trace["meta"] == label)

    def axes(self, plot="curves-plot"):
        """Kind and range of both axes."""
        return self.page.evaluate(
            f"(({{xaxis, yaxis}}) => [xaxis.type, ...xaxis.range, ...yaxis.range])"
            f"(document.getElementById('{plot}')._fullLayout)"
        )

    def choose(self, name, value):
        """Press a radio button, whose label covers it."""
        self.page.check(f'input[name="{name}"][value="{value}"]', force=True)

    def cells(self, table):
        """`data-value` of each cell of a table, by the row's first cell and the column."""
        found = self.page.evaluate(
            """table => [...document.querySelectorAll(`${table} tbody tr`)].map(
              row => [...row.cells].map(cell => [cell.dataset.key, cell.dataset.value]))""",
            table,
        )
        return {row[0][1]: dict(row[1:]) for row in found}


@pytest.fixture
def open_page(chromium):
    """Opens pages; afterwards none may have complained, or asked for anything but itself."""
    opened = []

    def open_one(path, **how):
        opened.append(Opened(chromium, path, **how))
        return opened[-1]

    yield open_one
    for one in opened:
        # Files beside the page are asked for where pictures are linked; data addresses are in the page.
        near = one.url.rpartition("/")[0]
        far = [url for url in one.asked if not url.startswith((near, "data:", "blob:"))]
        one.context.close()
        assert (one.said, far) == ([], [])


@pytest.fixture(scope="session")
def finished(chromium, tmp_path_factory, study):
    """The folder of base and combined on two photographs, with JPEG as the anchor, and its page."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(study[0], folder, dirs_exist_ok=True)
    return folder, make_report(folder)


@pytest.fixture
def study_page(seven, open_page):
    return open_page(seven[1])


@pytest.fixture
def shown(finished, open_page):
    return open_page(finished[1])


@pytest.fixture(scope="session")
def hostile(chromium, tmp_path_factory, tiny_weights):
    """The page of a photograph whose name is markup, coded at too few rates for any BD-rate."""
    folder = tmp_path_factory.mktemp("hostile")
    # The folder's name and the file's make up the image's: </script><script>…
    inside = folder / "photos" / "<"
    inside.mkdir(parents=True)
    picture(80, 72).save(inside / "script><img src=x onerror=hacked=1><script>hacked=1.png")
    data = [word for word in DATA if "qualities" not in word]
    done = bench(
        "run", "+variant=combined", *TINY, *data, "anchor.jpeg.qualities=[20,60]", "qualities=[1,3]",
        f"weights={tiny_weights}", "workers=1", "pictures=0", cwd=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    return make_report(folder)


@pytest.fixture(scope="session")
def half_finished(chromium, tmp_path_factory, study):
    """The folder and page of a store in which base failed half-way, and without pictures."""
    folder = tmp_path_factory.mktemp("half")
    shutil.copytree(study[0], folder, dirs_exist_ok=True)
    store = Store(folder / "results")
    [base] = [run for run in store.runs() if run.label == "base"]
    for gone in ("runs/base", "pictures"):
        shutil.rmtree(store.root / gone)
    with pytest.raises(BenchError), store.recorded(base.folder, base.manifest):
        raise BenchError("the disk is full")
    return folder, make_report(folder)
