"""The viewer as a user meets it: the command in a process of its own, its pages in a real browser."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.e2e.test_report_in_browser import CONTRASTS, TOO_WIDE, complaints
from tests.helpers.browser import Page, chromium, tab
from tests.helpers.report_sample import HOSTILE
from tests.helpers.viewed import layers_run, strange_run, words_run

PROGRAM = chromium()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no chromium on the path: the pages cannot be looked at"),
]
COMMAND = "import sys; from unispect.cli import main; sys.exit(main())"
VERDICTS = "[...document.querySelectorAll('.matrix .claim')].length"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    words_run(folder / "words", "one", "two", limit=4)
    layers_run(folder / "layers", "one")
    layers_run(folder / "layers higher", "two", higher=0.5)
    strange_run(folder / "hostile", *HOSTILE)
    return folder


@pytest.fixture(scope="module")
def address(runs: Path) -> Iterator[str]:
    command = [sys.executable, "-c", COMMAND, "view", str(runs)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        said = re.fullmatch(r"viewer: (http://127\.0\.0\.1:\d+/\?token=[\w-]{20,})\n", process.stdout.readline())
        assert said
        try:
            yield said[1]
        finally:
            process.send_signal(2)
            assert process.wait(60) in (0, 130)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[Page]:
    assert PROGRAM is not None
    with tab(PROGRAM, tmp_path_factory.mktemp("profile")) as page:
        page.open(address)
        wait(page, "document.querySelectorAll('.overview tbody tr').length === 4")
        wait(page, "!document.querySelector('.looking') || (location.reload(), false)")
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    browser.theme("light")
    browser.resize(1280)
    browser.events.clear()
    return browser


@pytest.fixture
def base(address: str) -> str:
    return address.partition("/?")[0]


def wait(page: Page, condition: str) -> None:
    """Until a condition holds, whatever is loaded meanwhile."""
    now = f"document.readyState === 'complete' && ({condition})"
    for _ in range(400):
        try:
            if page.value(f"new Promise(done => ({now}) ? done(true) : setTimeout(() => done(false), 50))"):
                return
        except RuntimeError:  # another page was just loaded
            continue
    raise AssertionError(
        f"never: {condition}; at {page.value('location.href')}: {page.value('document.body.innerText')}"
    )


def press(page: Page, key: str) -> None:
    text = "\r" if key == "Enter" else key if len(key) == 1 else ""
    more = {"text": text} if text else {}
    code = {"Enter": 13, "Escape": 27}.get(key, ord(key.upper()) if len(key) == 1 else 0)
    page.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **more)
    page.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)


def click(page: Page, selector: str) -> None:
    page.value(f"document.querySelector({selector!r}).click()")


def marks(page: Page) -> list[str]:
    return page.value("[...document.querySelectorAll('.row .mark')].map(one => one.innerText.trim())")


def text(page: Page, selector: str) -> str:
    return page.value(f"document.querySelector({selector!r}).innerText")


def path(page: Page) -> str:
    return page.value("location.pathname + location.search")


def test_the_address_lets_in_and_forgets_its_token(page: Page, address: str, base: str) -> None:
    page.open(address)
    assert path(page) == "/"
    assert page.value("document.cookie") == ""
    assert text(page, "h1") == "4 runs, 3 models"
    urls = {
        event["params"]["request"]["url"] for event in page.events if event["method"] == "Network.requestWillBeSent"
    }
    assert all(url.startswith(base) for url in urls)
    assert complaints(page) == []


def test_the_policy_is_in_force(page: Page, base: str) -> None:
    page.open(f"{base}/records")
    page.value("""new Promise(done => {
      document.addEventListener('securitypolicyviolation', event => {
        (window.stopped ??= []).push(event.effectiveDirective);
        if (window.stopped.length === 2) done(1);
      });
      const script = document.createElement('script');
      script.textContent = 'window.owned = 1';
      document.body.append(script);
      const picture = new Image(); picture.src = 'https://example.org/x.png';
    })""")
    assert sorted(page.value("window.stopped")) == ["img-src", "script-src-elem"]
    assert page.value("window.owned ?? null") is None


def test_records_are_filtered_by_clicks(page: Page, base: str) -> None:
    page.open(f"{base}/records")
    assert set(marks(page)) == {"✕ wrong"}
    page.value("""(() => { const kind = document.querySelector('select[name=kind]');
      kind.value = 'draw'; kind.dispatchEvent(new Event('change', {bubbles: true})); })()""")
    wait(page, "location.search === '?kind=draw&order=wrong'")
    click(page, ".results a.right")
    wait(page, "location.search.includes('result=right')")
    assert set(marks(page)) == {"✓ right"}
    assert page.value("[...document.querySelectorAll('.row img')].every(one => one.getBoundingClientRect().width > 50)")
    page.value("history.back()")
    wait(page, "location.search === '?kind=draw&order=wrong'")
    assert page.value("document.querySelector('select[name=kind]').value") == "draw"


def test_a_search_is_typed_and_its_address_is_the_state(page: Page, base: str) -> None:
    page.open(f"{base}/records?study=concepts")
    press(page, "/")
    assert page.value("document.activeElement.name") == "q"
    page.send("Input.insertText", text="turquoise")
    press(page, "Enter")
    wait(page, "location.search.includes('q=turquoise')")
    assert "study=concepts" in path(page)
    found = text(page, "h1")
    page.open(base + path(page))
    assert text(page, "h1") == found
    assert page.value("document.querySelector('input[name=q]').value") == "turquoise"
    assert int(found.split()[0]) > 0


def test_everything_is_reached_by_keys(page: Page, base: str) -> None:
    page.open(f"{base}/records?kind=draw&result=wrong")
    first = page.value("[...document.querySelectorAll('.row a.go')].slice(0, 3).map(one => one.getAttribute('href'))")
    press(page, "j")
    press(page, "j")
    press(page, "j")
    press(page, "k")
    assert page.value("document.querySelector('.chosen a.go').getAttribute('href')") == first[1]
    assert page.value("document.activeElement.getAttribute('href')") == first[1]
    press(page, "Enter")
    wait(page, "document.querySelector('article.record')")
    assert path(page) == first[1]
    press(page, "j")
    wait(page, f"location.pathname + location.search === {first[2]!r}")
    press(page, "k")
    wait(page, f"location.pathname + location.search === {first[1]!r}")
    press(page, "?")
    assert page.value("document.querySelector('dialog').open") is True
    press(page, "Escape")
    wait(page, "!document.querySelector('dialog').open")
    press(page, "u")
    wait(page, "location.pathname === '/records'")
    assert path(page) == "/records?kind=draw&result=wrong"


def test_a_record_is_read_back(page: Page, base: str) -> None:
    page.open(f"{base}/records?kind=draw&result=wrong")
    listed = text(page, ".row .line")
    click(page, ".row a.go")
    wait(page, "document.querySelector('article.record')")
    assert listed in text(page, "blockquote")
    assert page.value("document.querySelector('.large img').decode().then(() => 1)") == 1
    assert page.value("getComputedStyle(document.querySelector('.large img')).imageRendering") == "pixelated"
    assert page.value("document.querySelector('details.raw').open") is False
    click(page, "details.raw summary")
    assert '"lexicon"' in text(page, "details.raw")


def test_trajectories_are_drawn_with_values_under_the_pointer(page: Page, base: str) -> None:
    page.open(f"{base}/records?study=encoding")
    click(page, ".row a.go")
    wait(page, "document.querySelector('.drawn svg path')")
    assert page.value("getComputedStyle(document.querySelector('svg.plot')).display") == "none"
    spot = page.value("""(() => {
      const box = document.querySelector('.drawn .mark-symbol path').getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2]; })()""")
    for x in (spot[0] - 30, spot[0]):
        page.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=spot[1])
    wait(page, "document.querySelector('#vg-tooltip-element.visible')?.innerText.includes('layer')")
    assert complaints(page) == []


def test_two_models_are_compared_by_clicks(page: Page, base: str) -> None:
    page.open(f"{base}/compare")
    page.value("""(() => { for (const [name, model] of [['a', 'one@1'], ['b', 'two@1']])
      document.querySelector(`select[name=${name}]`).value = model;
      document.querySelector('.filters button').click(); })()""")
    wait(page, "document.querySelector('.comparison')")
    assert path(page) == f"/compare?{urlencode({'a': 'one@1', 'b': 'two@1'})}"
    wait(page, "document.querySelectorAll('.drawn svg path').length")
    row = page.value("""[...document.querySelectorAll('.comparison tbody tr')].map(one => one.innerText)
      .find(one => one.startsWith('concepts draw, drawing'))""")
    assert re.search(r"\[.+, .+\]", row)
    link = page.value("document.querySelector('.comparison a[href*=\"cell=first\"]').innerText")
    click(page, '.comparison a[href*="cell=first"]')
    wait(page, "document.querySelector('#pairs')")
    assert page.value("document.querySelectorAll('#pairs .row').length") == int(link)
    assert "difference −0.50" in page.value("document.body.innerText")


def test_verdicts_come_by_themselves_and_lead_to_their_evidence(page: Page, base: str) -> None:
    page.open(f"{base}/verdicts")
    wait(page, f"{VERDICTS} > 0")
    assert "What the runs say" in text(page, "h1")
    click(page, ".matrix .claim a")
    wait(page, "document.querySelector('.entries')")
    assert page.value("document.querySelectorAll('.entries .badge').length") > 0
    assert complaints(page) == []


def test_the_gallery_is_visible(page: Page, base: str) -> None:
    page.open(f"{base}/gallery?kind=draw&group=drawing")
    sizes = page.value("""Promise.all([...document.images].slice(0, 6).map(async picture => {
      await picture.decode(); return [picture.naturalWidth, picture.getBoundingClientRect().width]; }))""")
    assert len(sizes) == 6
    assert all(natural == 64 and width > 90 for natural, width in sizes)
    tops = page.value("[...document.querySelectorAll('.question')[0].querySelectorAll('img')].map(one => one.y)")
    assert len(tops) == 4
    assert len(set(tops)) == 1


def test_hostile_texts_run_nothing(page: Page, base: str) -> None:
    page.open(f"{base}/records?study=strange&order=plan")
    links = page.value("[...document.querySelectorAll('.row a.go')].map(one => one.getAttribute('href'))")
    assert len(links) == len(HOSTILE)
    for link in ("/records?study=strange&order=plan", *links):
        page.open(base + link)
        assert "unispect" in page.value("document.title")
        assert page.value("document.querySelectorAll('[onerror], [onload], iframe, script:not([src])').length") == 0
    assert page.value("window.owned ?? null") is None
    assert complaints(page) == []
    page.open(base + links[0])
    assert HOSTILE[0] in text(page, "blockquote")


def test_a_run_that_is_written_shows_itself(page: Page, base: str, runs: Path) -> None:
    page.open(f"{base}/")
    assert text(page, "h1") == "4 runs, 3 models"
    page.value("window.kept = 1")
    layers_run(runs / "later", "three")
    try:
        wait(page, "document.querySelector('h1').innerText === '5 runs, 4 models'")
        assert page.value("window.kept") == 1  # without loading the page anew
    finally:
        for file in sorted((runs / "later").rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
    wait(page, "document.querySelector('.overview').innerText.includes('is gone')")


PAGES = (
    "/",
    "/records",
    "/records?kind=draw",
    "/gallery",
    "/verdicts",
    "/verdicts/concepts",
    "/compare?a=one%401&b=two%401",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read(page: Page, base: str, theme: str) -> None:
    page.theme(theme)
    for address in (*PAGES, a_record(page, base)):
        page.open(base + address)
        page.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        found = page.value(CONTRASTS)
        assert {name: round(ratio, 2) for name, ratio in found.items() if ratio < 4.5} == {}, address


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_no_page_scrolls_sideways(page: Page, base: str, width: int) -> None:
    hostile = "/records?study=strange"
    addresses = (*PAGES, hostile, a_record(page, base), a_record(page, base, hostile))
    page.resize(width)
    for address in addresses:
        page.open(base + address)
        page.value("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert page.value("document.documentElement.scrollWidth") <= width, address
        assert page.value(TOO_WIDE) == [], address


def a_record(page: Page, base: str, among: str = "/records?kind=draw") -> str:
    page.open(base + among)
    return page.value("document.querySelector('.row a.go').getAttribute('href')")


def test_pages_work_without_a_script(page: Page, base: str) -> None:
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(f"{base}/records?study=encoding")
        root = page.send("DOM.getDocument", depth=-1)["root"]["nodeId"]
        link = page.send("DOM.querySelector", nodeId=root, selector=".row a.go")["nodeId"]
        attributes = page.send("DOM.getAttributes", nodeId=link)["attributes"]
        page.open(base + dict(zip(attributes[::2], attributes[1::2], strict=True))["href"])
        root = page.send("DOM.getDocument", depth=-1)["root"]["nodeId"]
        assert page.send("DOM.querySelector", nodeId=root, selector=".chart svg.plot path")["nodeId"]
        assert not page.send("DOM.querySelector", nodeId=root, selector=".drawn")["nodeId"]
    finally:
        page.send("Emulation.setScriptExecutionDisabled", value=False)


def test_landmarks_and_names(page: Page, base: str) -> None:
    page.open(f"{base}/gallery?kind=draw")
    page.send("Accessibility.enable")
    nodes = [node for node in page.send("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    assert {"banner", "navigation", "main", "search"} <= {node["role"]["value"] for node in nodes}
    named = [
        node for node in nodes if node["role"]["value"] in ("image", "img", "link", "button", "combobox", "searchbox")
    ]
    assert len(named) > 20
    assert not [node for node in named if not node["name"]["value"]]
