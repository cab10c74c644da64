"""The report as a reader's browser shows it: opened from disk, with no network."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.helpers import report_sample as sample
from tests.helpers.browser import Page, chromium, tab
from unispect.report.page import render
from unispect.report.write import write_page

PROGRAM = chromium()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no chromium on the path: the page cannot be looked at"),
]

CONTRASTS = """(() => {
  const channel = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const ground = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = {};
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.getClientRects().length || node.closest('.hidden, .skip')) continue;
    const style = getComputedStyle(node);
    const inside = node.closest('svg');
    const text = parse(inside ? style.fill : style.color), back = ground(inside ? inside.parentElement : node);
    const [high, low] = [light(text), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const name = node.tagName.toLowerCase() + '.' + (node.getAttribute('class') || '');
    found[name] = Math.min(found[name] ?? 99, ratio);
  }
  return found;
})()"""

TOO_WIDE = """(() => {
  const moves = node => ['auto', 'scroll'].includes(getComputedStyle(node).overflowX);
  const scrolls = node => node && (moves(node) || scrolls(node.parentElement));
  return [...document.body.querySelectorAll('*')]
    .filter(node => !node.closest('.hidden, .skip') && !scrolls(node.parentElement))
    .filter(node => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(node => node.tagName + '.' + node.getAttribute('class'));
})()"""


OPEN = "document.querySelectorAll('details').forEach(one => { one.open = true; })"


def write(folder: Path, sections, provenance, pictures) -> str:
    page = render(sections, title="A report", provenance=provenance, open_picture=pictures)
    return "file://" + quote(str(write_page(page, folder / "report.html")))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    pictures = sample.Pictures()
    folder = tmp_path_factory.mktemp("a report with spaces")
    return write(folder, sample.sections(pictures), sample.provenance(), pictures)


@pytest.fixture(scope="module")
def distrusted(tmp_path_factory: pytest.TempPathFactory) -> str:
    pictures = sample.Pictures()
    sections = sample.failing(sample.sections(pictures))
    return write(tmp_path_factory.mktemp("distrusted"), sections, sample.provenance(), pictures)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    pictures = sample.Pictures()
    folder = tmp_path_factory.mktemp("hostile")
    return write(folder, sample.hostile_sections(pictures), sample.hostile_provenance(), pictures)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of 28 models."""
    pictures = sample.Pictures()
    sections = [sample.of_many(section, 28) for section in sample.sections(pictures)]
    return write(tmp_path_factory.mktemp("many"), sections, sample.provenance(), pictures)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of one study that asks neither about telling nor about states."""
    section = replace(sample.response(), glances=())
    return write(tmp_path_factory.mktemp("elsewhere"), [section], sample.provenance(), sample.Pictures())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert PROGRAM is not None
    with tab(PROGRAM, tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Page:
    browser.events.clear()
    browser.theme("light")
    browser.resize(1280)
    return browser


def complaints(page: Page) -> list[dict]:
    kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")
    return [event for event in page.events if event["method"] in kinds]


def requests(page: Page) -> set[str]:
    urls = [e["params"]["request"]["url"] for e in page.events if e["method"] == "Network.requestWillBeSent"]
    return {url for url in urls if not url.startswith("data:")}


def test_opens_from_disk_in_silence(page: Page, good: str):
    page.open(good)
    assert page.value("document.title") == "A report"
    assert requests(page) == {good}
    assert complaints(page) == []
    assert page.value("document.scripts.length") == 0


def test_the_policy_is_in_force(page: Page, good: str):
    page.open(good)
    page.value("""new Promise(done => {
      document.addEventListener('securitypolicyviolation', event => {
        window.stopped = event.violatedDirective;
        done(1);
      });
      const picture = new Image();
      picture.src = 'https://example.org/x.png';
    })""")
    assert page.value("window.stopped") == "img-src"
    assert page.wait_for("Network.loadingFailed")["blockedReason"] == "csp"


def test_plots_are_drawn(page: Page, good: str):
    page.open(good)
    page.value(OPEN)
    plots = page.value("""[...document.querySelectorAll('.panel svg.plot')].map(plot => {
      const box = plot.getBoundingClientRect();
      const lines = [...plot.querySelectorAll('path.line')].filter(path => path.getTotalLength() > 50);
      return [box.width, box.height, lines.length, getComputedStyle(lines[0]).stroke];
    })""")
    assert len(plots) == 7
    for width, height, lines, stroke in plots:
        assert width > 200
        assert height > 120
        assert lines >= 2
        assert stroke.startswith("rgb(")


def test_a_pointer_on_a_plot_is_told_its_values(page: Page, good: str):
    page.open(good)
    page.value(OPEN)
    page.value("document.documentElement.style.scrollBehavior = 'auto'")
    box = page.value("""(() => {
      const plot = document.querySelector('.panel svg.plot'); plot.scrollIntoView({block: 'center'});
      const box = plot.getBoundingClientRect(); return [box.left + box.width / 2, box.top + box.height / 2];
    })()""")
    under = page.value(f"document.elementFromPoint({box[0]}, {box[1]}).querySelector('title').textContent")
    assert re.fullmatch(r"layer [23]\ntext: [\d.]+ \[[\d., ]+\]\nimage: .*\nshuffled: .*", under)


def test_the_gallery_is_visible(page: Page, good: str):
    page.open(good)
    page.value(OPEN)
    pictures = page.value("""Promise.all([...document.querySelectorAll('.card img')].map(async picture => {
      await picture.decode();
      const box = picture.getBoundingClientRect();
      return [picture.naturalWidth, box.width, box.height, getComputedStyle(picture).imageRendering];
    }))""")
    assert len(pictures) == 8
    assert all(
        natural == 64 and width >= 150 and height >= 150 and how == "pixelated"
        for natural, width, height, how in pictures
    )


def test_the_style_sheet_is_admitted(page: Page, good: str):
    page.open(good)
    assert page.value("getComputedStyle(document.querySelector('.contents ol')).display") == "flex"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_answers(page: Page, good: str, width: int, height: int):
    """Model, answer in words, shares, curves, a picture and what was told of it: without a scroll."""
    page.resize(width, height)
    page.open(good)
    parts = ["h3", ".answer", ".bars", ".reasons", ".spark", "img", ".glimpse table"]
    ends = page.value(f"""{json.dumps(parts)}.map(part => {{
      const box = document.querySelector('.model ' + part).getBoundingClientRect();
      return box.width > 20 && box.height > 5 ? box.bottom : Infinity;
    }})""")
    assert dict(zip(parts, ends, strict=True)) == {
        part: end for part, end in zip(parts, ends, strict=True) if end <= height
    }
    if width == 1280:
        lines = page.value("[...document.querySelectorAll('.model')].map(one => one.getBoundingClientRect().bottom)")
        assert [line <= height for line in lines] == [True, True, True]
        instrument = page.value("document.querySelector('.instrument').getBoundingClientRect().bottom")
        assert instrument <= height


@pytest.mark.parametrize("which", ["good", "distrusted", "many", "elsewhere"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_page_is_short_while_its_evidence_is_folded(
    page: Page, request: pytest.FixtureRequest, which: str, width: int, height: int
):
    page.resize(width, height)
    page.open(request.getfixturevalue(which))
    screens = page.value("document.documentElement.scrollHeight") / height
    assert screens <= 20
    assert page.value("document.querySelectorAll('.headline').length") <= 12
    assert page.value("[...document.querySelectorAll('.study details')].every(one => !one.open)")


def test_a_page_that_asked_something_else_begins_with_what_it_found(page: Page, elsewhere: str):
    page.open(elsewhere)
    assert "None of these runs asked" in page.value("document.querySelector('#findings').innerText")
    assert page.value("document.querySelector('.headline').getBoundingClientRect().bottom") < 800


def test_a_finding_leads_from_the_first_screen_to_its_row_and_its_pictures(page: Page, good: str):
    """Every link opens the fold that holds its target."""

    def follow(selector: str) -> str:
        page.value(f"(one => {{ one.click(); return 1; }})(document.querySelector({json.dumps(selector)}))")
        return page.value("""(one => {
          const box = one.getBoundingClientRect();
          return one.checkVisibility() && box.top >= 0 && box.top < innerHeight ? one.innerText : 'out of sight';
        })(document.querySelector(':target'))""")

    page.open(good)
    page.value("document.documentElement.style.scrollBehavior = 'auto'")
    assert "Words taught by drawing are drawn but not told." in follow(".reasons a")
    assert follow(":target .links a[href*=aphasia]").split("\t")[:2] == [sample.BOUND, "colour"]
    page.value("history.back()")
    page.wait_for("Page.navigatedWithinDocument")
    assert "Words taught by drawing" in follow("#concepts-gap .links a[href*=pictures]")


@pytest.mark.parametrize("which", ["good", "many", "hostile"])
def test_every_link_inside_the_page_leads_somewhere(page: Page, request: pytest.FixtureRequest, which: str):
    page.open(request.getfixturevalue(which))
    lost = page.value("""[...document.querySelectorAll('a[href^="#"]')].map(one => one.getAttribute('href'))
      .filter(href => !document.getElementById(href.slice(1)))""")
    assert lost == []


def test_no_finding_is_without_a_way_to_its_evidence(page: Page, good: str):
    page.open(good)
    found = page.value("""[...document.querySelectorAll('.entries .finding')].map(one =>
      [one.id, [...one.querySelectorAll('.links a')].length])""")
    assert {name for name, links in found if not links} == {"encoding-lengths", "encoding-null"}  # about no model


def test_a_failed_control_is_the_first_thing_seen(page: Page, distrusted: str):
    page.open(distrusted)
    alert = page.value("""(() => {
      const alert = document.querySelector('[role=alert]'), box = alert.getBoundingClientRect();
      return [alert.innerText, box.top, box.width, getComputedStyle(alert).borderTopWidth];
    })()""")
    assert alert[0].startswith("The instrument failed its own controls")
    assert alert[1] < 400
    assert alert[2] > 900
    assert alert[3] == "2px"
    assert page.value("document.querySelector('.model').getBoundingClientRect().top") > alert[1]
    assert page.value("document.querySelectorAll('.model .distrust').length") == 3
    assert page.value("document.querySelectorAll('.headline .distrust').length") == 5


@pytest.mark.parametrize("text", [sample.HOSTILE[0], sample.HOSTILE[1]])
def test_hostile_text_is_text(page: Page, hostile: str, text: str):
    page.open(hostile)
    page.value(OPEN)
    assert complaints(page) == []
    assert requests(page) == {hostile}
    assert page.value("document.title") == "A report"
    assert page.value("document.querySelectorAll('script, [onerror], [onload], iframe').length") == 0
    shown = page.value("""[
      document.querySelector('.model h3'), document.querySelector('.headline h3'), document.querySelector('.scroll td'),
      document.querySelector('.asked q'), document.querySelector('.reply q'), document.querySelector('.legend'),
      document.querySelector('.wrong .said'),
    ].map(one => one.closest('section').innerText)""")
    assert all(text in one for one in shown)
    plotted = page.value("[...document.querySelectorAll('svg.plot text')].map(one => one.textContent)")
    assert text in plotted


@pytest.mark.parametrize("width", [390, 768, 1280, 1600])
@pytest.mark.parametrize("which", ["good", "hostile", "distrusted", "many", "elsewhere"])
def test_the_page_never_scrolls_sideways(page: Page, request: pytest.FixtureRequest, which: str, width: int):
    page.resize(width)
    page.open(request.getfixturevalue(which))
    page.value(OPEN)
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value(TOO_WIDE) == []


def test_wide_tables_scroll_inside_themselves(page: Page, good: str):
    page.resize(390)
    page.open(good)
    page.value(OPEN)
    inside = page.value(
        "(box => [box.clientWidth, box.scrollWidth])(document.querySelector('#concepts-aphasia .scroll'))"
    )
    assert inside[0] < 390 < inside[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("which", ["good", "distrusted"])
def test_every_text_can_be_read(page: Page, request: pytest.FixtureRequest, which: str, theme: str):
    page.theme(theme)
    page.open(request.getfixturevalue(which))
    page.value(OPEN)
    found = page.value(CONTRASTS)
    assert len(found) > 25
    assert {name: round(ratio, 2) for name, ratio in found.items() if ratio < 4.5} == {}


def test_the_dark_theme_is_dark_and_the_light_one_light(page: Page, good: str):
    grounds = {}
    for theme in ("light", "dark"):
        page.theme(theme)
        page.open(good)
        grounds[theme] = page.value("getComputedStyle(document.body).backgroundColor")
    assert grounds == {"light": "rgb(253, 252, 249)", "dark": "rgb(22, 21, 19)"}


def test_lines_stand_out_in_both_themes(page: Page, good: str):
    for theme in ("light", "dark"):
        page.theme(theme)
        page.open(good)
        ratios = page.value("""(() => {
          const channel = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
          const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number);
            return 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255); };
          const back = light(getComputedStyle(document.body).backgroundColor);
          return [1, 2, 3, 4, 5, 6, 7, 8].map(index => {
            const probe = document.createElement('i'); probe.className = 'said';
            document.body.append(probe); probe.style.color = `var(--series-${index})`;
            const [high, low] = [light(getComputedStyle(probe).color), back].sort((a, b) => b - a);
            return (high + 0.05) / (low + 0.05);
          });
        })()""")
        assert min(ratios) >= 4.5, (theme, ratios)


def test_print_is_light_and_opens_what_was_folded(page: Page, good: str):
    page.theme("dark", "print")
    page.resize(700)
    page.open(good)
    assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(253, 252, 249)"
    assert page.value("[...document.querySelectorAll('.study details')].every(one => !one.open)")
    for part in (".instrument li", ".entries .finding", ".scroll table", ".panel svg", ".card img", ".model img"):
        assert page.value(f"document.querySelector({part!r}).checkVisibility()") is True, part
    assert page.value("document.documentElement.scrollWidth") <= 700


def test_the_keyboard_reaches_the_findings_first(page: Page, good: str):
    page.open(good)
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert page.value("document.activeElement.innerText") == "Skip to the findings"
    assert page.value("document.activeElement.getBoundingClientRect().top") >= 0
    assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
    assert page.value("location.hash") == "#findings"
    assert page.value("document.activeElement.id") == "findings"


def test_a_screen_reader_meets_landmarks_headings_and_names(page: Page, good: str):
    page.open(good)
    page.value(OPEN)
    page.send("Accessibility.enable")
    nodes = [node for node in page.send("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    roles = [node["role"]["value"] for node in nodes]
    assert {"banner", "navigation", "main", "contentinfo", "region", "rowheader", "columnheader"} <= set(roles)
    images = [node["name"]["value"] for node in nodes if node["role"]["value"] in ("image", "img")]
    assert sum("Drawn by" in name for name in images) == 2 + 8
    assert sum("entropy" in name for name in images) == 3 + 2
    assert not [name for name in images if not name]


def test_the_data_can_be_saved(page: Page, tmp_path: Path, good: str):
    page.open(good)
    saved = tmp_path / "saved"
    page.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(saved))
    page.value("document.querySelector('a[download$=zip]').click()")
    page.wait_for("Page.downloadProgress", lambda event: event["state"] != "inProgress")
    with zipfile.ZipFile(io.BytesIO((saved / "unispect-report.zip").read_bytes())) as archive:
        assert len(json.loads(archive.read("findings.json"))["sections"]) == 3
        assert "tables/concepts-aphasia.csv" in archive.namelist()
    assert complaints(page) == []
