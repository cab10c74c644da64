import base64
import hashlib
import itertools
import math
import re
import zlib
from dataclasses import replace
from importlib import resources

import pytest

from tests.helpers import report_sample as sample
from tests.helpers.htmltree import Element, parse
from unispect.core.findings import Bearing, Finding, GalleryItem, Interval, Preset, Section, Verdict
from unispect.core.units import Skip
from unispect.report import headlines
from unispect.report import pictures as pictures_of_pages
from unispect.report.downloads import offered
from unispect.report.environment import environment
from unispect.report.first import RULE, Answer, answer
from unispect.report.headlines import MODELS
from unispect.report.instrument import instrument
from unispect.report.page import LISTED, PICTURES_PER_STUDY, render
from unispect.report.provenance import Failure, Provenance


def page(sections, pictures=None, provenance=None, **more) -> str:
    pictures = sample.Pictures() if pictures is None else pictures
    return render(sections, title="A title", provenance=provenance or Provenance(), open_picture=pictures, **more)


@pytest.fixture(scope="module")
def whole() -> str:
    pictures = sample.Pictures()
    return page(sample.sections(pictures), pictures, sample.provenance())


@pytest.fixture(scope="module")
def tree(whole: str) -> Element:
    return parse(whole)


def one_finding(**changes) -> Section:
    finding = Finding("f", "A claim.", Verdict.SUPPORTED, "A detail.", headline=True)
    return Section("s", "Study", "", (replace(finding, **changes),))


# What every page must be


@pytest.mark.slow
def test_same_input_gives_same_bytes(whole: str):
    pictures = sample.Pictures()
    again = page(sample.sections(pictures), pictures, sample.provenance())
    assert again == whole


def test_policy_admits_this_style_sheet_and_data_pictures_only(tree: Element):
    meta = next(m for m in tree.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy")
    policy = dict(part.strip().split(" ", 1) for part in (meta.attributes["content"] or "").split(";"))
    digest = base64.b64encode(hashlib.sha256(tree.one("style").text.encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_policy_stands_before_anything_it_governs(tree: Element):
    assert [one.tag for one in tree.one("head")][1:3] == ["meta", "meta"]


def test_nothing_runs_and_nothing_is_fetched(tree: Element):
    forbidden = {"script", "iframe", "object", "embed", "form", "base", "video", "audio", "foreignobject", "use"}
    for element in tree:
        assert element.tag not in forbidden
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            assert name != "style"
            if name in ("href", "src"):
                assert (value or "").startswith(("#", "data:")), value
    assert "@import" not in tree.one("style").text
    assert "url(" not in tree.one("style").text


def test_ids_are_unique_and_every_link_leads_somewhere(tree: Element):
    ids = [element.attributes["id"] for element in tree if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    links = [(a.attributes["href"] or "") for a in tree.all("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    for element in tree:
        label = element.attributes.get("aria-labelledby")
        assert label is None or label in ids


def test_outline_has_one_title_and_skips_no_level(tree: Element):
    levels = [int(element.tag[1]) for element in tree if re.fullmatch(r"h[1-6]", element.tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_landmarks(tree: Element):
    assert tree.one("html").attributes["lang"] == "en"
    for landmark in ("header", "nav", "main", "footer"):
        tree.one(landmark)
    skip = tree.all("a")[0]
    assert skip.attributes["href"] == "#findings"
    assert tree.one(anchor="findings").attributes["tabindex"] == "-1"


def test_table_headers_have_a_scope_and_scrolling_tables_can_be_reached(tree: Element):
    for header in tree.all("th"):
        assert header.attributes.get("scope") in ("row", "col")
    for box in tree.all(name="scroll"):
        assert box.attributes["tabindex"] == "0"
        assert (box.attributes["aria-label"] or "").startswith("Table: ")


def test_pictures_and_plots_have_words(tree: Element):
    for picture in tree.all("img"):
        assert (picture.attributes["alt"] or "").startswith("Drawn by ")
    for plot in tree.all(name="panels"):
        assert plot.attributes["role"] == "img"
        assert "entropy" in (plot.attributes["aria-label"] or "") or "gain" in (plot.attributes["aria-label"] or "")
    assert all(svg.attributes["aria-hidden"] == "true" for svg in tree.all("svg"))


def test_templates_never_switch_escaping_off():
    for template in resources.files("unispect.report").joinpath("templates").iterdir():
        source = template.read_text("utf-8")
        assert "|safe" not in source.replace(" ", ""), template.name
        assert "autoescape" not in source, template.name


# Findings


def test_sample_page_in_outline(tree: Element):
    """What the sample must turn into, small enough to be read."""
    headings = [(one.tag, one.words) for one in tree if one.tag in ("h1", "h2")]
    assert headings == [
        ("h1", "A title"),
        ("h2", "Is it one model?"),
        ("h2", "What the data say"),
        ("h2", "Can it tell what it can draw?"),
        ("h2", "Do text and images live in one space?"),
        ("h2", "Do replies depend on their prompts?"),
        ("h2", "Where the numbers come from"),
        ("h2", "Failures and skips"),
        ("h2", "Data"),
        ("h2", "How intervals were formed"),
    ]
    parts = {
        study.attributes["id"]: (
            len(study.one("ul", "entries").all("li", "finding")),
            len(study.all("figure", "table")),
            len(study.all("div", "panel")),
            len(study.all("li", "card")),
        )
        for study in tree.all("section", "study")
    }
    assert parts == {"concepts": (5, 1, 0, 8), "encoding": (4, 2, 6, 0), "response": (1, 2, 1, 0)}
    assert [item.one("h3").all("span", "said")[0].words for item in tree.all("li", "headline")] == [
        "Words taught by drawing are drawn but not told.",
        "Words taught by text are told but not drawn.",
        "Text and image entropies move together through the layers.",
        "The published measure shows a gap between modalities.",
        "Text replies depend on their prompts.",
    ]


def test_verdicts_are_counted(tree: Element):
    assert tree.one("p", "tally").words == "✓supported 6 ✕not supported 1 ?cannot tell 2 –not applicable 1"


def entry(tree: Element, anchor: str) -> Element:
    return tree.one("li", "finding", anchor)


def test_an_entry_says_all_its_numbers_and_how_they_were_formed(tree: Element):
    first = entry(tree, "concepts-gap")
    assert first.one("p", "estimate").words == "0.71 [0.62, 0.80]"
    assert [span.words for span in first.one("p", "facts").all("span")] == [
        "n 171",
        "22 clusters",
        "3 seeds",
        "chance 0",
    ]
    assert first.one("p", "method").words == "95 % interval, method 1"
    method = first.one("p", "method").one("a").attributes["href"] or ""
    assert tree.one("li", anchor=method[1:]).words == "method 1: bootstrap over concepts"
    assert first.one("span", "badge").words == "✓supported: sets text and pictures apart"
    assert len(first.one("svg", "bar").all("path", "chance")) == 1


def test_how_intervals_were_formed_is_said_once(whole: str):
    assert whole.count("bootstrap over concepts") == 1
    assert whole.count("bootstrap over prompts") == 1


def test_a_headline_says_its_number_and_leads_to_its_entry(tree: Element):
    (model,) = tree.all("li", "headline")[0].one("ul", "each").all("li")
    assert model.one("span", "estimate").words == "0.71 [0.62, 0.80]"
    assert model.one("a").words == sample.BOUND
    assert entry(tree, (model.one("a").attributes["href"] or "")[1:]).one("p", "sentence").words.startswith("Words")


def test_a_claim_about_many_models_is_one_headline():
    section = one_finding()
    findings = tuple(replace(section.findings[0], id=f"f{n}", model=f"m{n}") for n in range(28))
    tree = parse(page([replace(section, findings=findings)]))
    headline = tree.one("li", "headline")
    assert [a.words for a in headline.all("a")] == [f"m{n}" for n in range(MODELS)]
    assert f"{28 - MODELS} more models in the study" in headline.words
    assert len(tree.one("ul", "entries").all("li", "finding")) == 28


def test_at_most_a_dozen_claims_stand_in_front_taken_in_turn():
    finding = one_finding().findings[0]
    sections = [
        Section(name, name, "", tuple(replace(finding, id=str(n), claim=f"{name} {n}.") for n in range(count)))
        for name, count in (("a", 30), ("b", 3), ("c", 30))
    ]
    tree = parse(page(sections))
    claims = [item.one("h3").all("span", "said")[0].words for item in tree.all("li", "headline")]
    assert claims == [f"a {n}." for n in range(5)] + [f"b {n}." for n in range(3)] + [f"c {n}." for n in range(4)]
    assert "51 more such claims stand in the studies." in tree.one("section", anchor="evidence").words
    assert headlines.RULE in tree.one("section", anchor="evidence").words


# Where findings lead


def test_findings_lead_to_their_row_their_plot_and_their_pictures(tree: Element):
    def led(anchor: str) -> dict[str, Element]:
        links = entry(tree, anchor).one("p", "links").all("a")
        return {a.words.split()[0]: tree.one(anchor=(a.attributes["href"] or "")[1:]) for a in links}

    gap = led("concepts-gap")
    assert list(gap) == ["numbers", "pictures"]
    assert [cell.words for cell in gap["numbers"].all("bdi")[:2]] == [sample.BOUND, "colour"]
    assert gap["pictures"].one("h4").words == "Words taught by drawing"
    shared = led("encoding-shared")
    assert list(shared) == ["plot"]
    assert shared["plot"].all("p")[0].words == sample.BOUND
    assert "encoding-controlled" in (shared["plot"].attributes["id"] or "")


def test_anchors_do_not_depend_on_the_order_of_findings():
    long = [f"a {'very ' * 30}long name ending in {end}" for end in ("tau", "rho")]
    findings = [replace(one_finding().findings[0], id=name, claim=name) for name in long]

    def anchors(order: list[Finding]) -> dict[str, str]:
        tree = parse(page([Section("s", "Study", "", tuple(order))]))
        found = {
            one.one("p", "sentence").words: one.attributes["id"] or "" for one in tree.one("ul", "entries").all("li")
        }
        assert len(set(found.values())) == 2
        return found

    assert anchors(findings) == anchors(findings[::-1])


# The first screen


def judged(*verdicts: tuple[Verdict, Bearing]) -> list[Finding]:
    return [Finding(str(n), "C.", verdict, "", bearing={verdict: says}) for n, (verdict, says) in enumerate(verdicts)]


YES, NO, OPEN = Verdict.SUPPORTED, Verdict.NOT_SUPPORTED, Verdict.CANNOT_TELL


@pytest.mark.parametrize(
    ("findings", "wanted"),
    [
        ([], Answer.NOT_ASKED),
        (judged((Verdict.NOT_APPLICABLE, Bearing.ONE)), Answer.NOT_ASKED),
        (judged((YES, Bearing.APART), (YES, Bearing.ONE)), Answer.NO),
        (judged((YES, Bearing.APART), (OPEN, Bearing.ONE))[:1], Answer.NO),
        (judged((NO, Bearing.APART)), Answer.NO),
        (judged((YES, Bearing.ONE), (NO, Bearing.ONE)), Answer.YES),
        ([*judged((YES, Bearing.ONE)), Finding("x", "C.", OPEN, "", bearing={YES: Bearing.ONE})], Answer.OPEN),
        ([Finding("x", "C.", NO, "", bearing={YES: Bearing.APART})], Answer.OPEN),
    ],
)
def test_the_answer_follows_from_verdicts_alone(findings: list[Finding], wanted: Answer):
    assert answer(findings) is wanted


def test_every_model_has_a_line_with_its_answer_its_shares_its_curves_and_a_picture(tree: Element):
    lines = tree.one("ol", "models").all("li", "model")
    assert [line.one("h3").words for line in lines] == list(sample.MODELS)
    assert [line.one("p", "answer").words for line in lines] == ["≠ No", "= Yes, as far as asked", "– Not asked"]
    first = lines[0]
    assert "set apart from outside and inside" in first.one("div", "who").words
    assert [row.words for row in first.one("table", "bars").all("tr")] == ["drawn97 % [95, 99]", "told31 % [23, 39]"]
    assert [reason.words for reason in first.all("ul", "reasons")[0].all("li")] == [
        "≠ draws what it cannot tell: supported",
        "≠ tells what it cannot draw: supported",
    ]
    assert [reason.words for reason in first.all("ul", "reasons")[1].all("li")] == [
        "≠ text and images move together: not supported"
    ]
    assert (first.one("div", "sparked").attributes["aria-label"] or "").startswith("entropy by layer, controlled")
    assert len(first.one("svg", "spark").all("path", "line")) == 2
    assert (first.one("img").attributes["alt"] or "").startswith("Drawn by ")
    assert first.one("div", "glimpse").one("q").words == " ".join(sample.WORDS.values())
    assert first.one("div", "glimpse").all("tr")[1].words == "star✕ hexagon (wrong)"
    assert "planted control: fluent" in lines[1].words
    assert "no picture was drawn" in lines[2].words
    assert RULE.split(".")[0] in tree.one("section", anchor="findings").words


def test_what_was_left_aside_stands_on_the_first_screen_and_in_its_section():
    tree = parse(page([replace(one_finding(), aside=("m: 15 measurements left aside.", "n: 2 too."))]))
    first = tree.one("section", "first").one("p", "aside")
    assert "m: 15 measurements left aside. And 1 more set." in first.words
    own = tree.one("section", "study").one("div", "aside")
    assert first.one("a").attributes["href"] == f"#{tree.one('section', 'study').attributes['id']}"
    assert [item.words for item in own.all("li")] == ["m: 15 measurements left aside.", "n: 2 too."]


def test_the_rule_says_that_either_side_is_enough(tree: Element):
    assert "one from inside is enough, whatever was found from outside" in tree.one("section", "first").words


def test_the_first_picture_and_the_answer_come_before_any_finding(whole: str):
    assert whole.index("Is it one model?</h2>") < whole.index("<img ") < whole.index('class="headlines"')


def test_a_page_that_asked_something_else_says_so():
    tree = parse(page([one_finding()]))
    assert not tree.all("ol", "models")
    assert "None of these runs asked what would answer it" in tree.one("section", anchor="findings").words
    assert tree.one("li", "headline")


def test_a_model_of_which_only_states_or_only_behaviour_was_measured_says_so():
    pictures = sample.Pictures()
    outside = parse(page([sample.concepts(pictures)], pictures)).all("li", "model")[0]
    assert "not measured in these runs" in outside.one("div", "inside").words
    inside = parse(page([sample.encoding()])).all("li", "model")[0]
    assert "not asked in these runs" in inside.one("div", "outside").words
    assert "no picture was drawn" in inside.one("div", "seen").words
    assert inside.one("p", "answer").words == "≠ No"


def test_colours_follow_what_a_verdict_means():
    apart, one = ({YES: bearing} for bearing in (Bearing.APART, Bearing.ONE))
    senses = {
        "apart": one_finding(bearing=apart),
        "one": one_finding(bearing=one),
        "said": one_finding(),
        "open": one_finding(bearing=one, verdict=OPEN),
        "idle": one_finding(verdict=Verdict.NOT_APPLICABLE),
        "held": one_finding(control=True, bearing=apart),
        "failed": one_finding(control=True, verdict=Verdict.NOT_SUPPORTED),
    }
    for sense, section in senses.items():
        badges = parse(page([section])).one("ul", "entries").all("span", "badge")
        assert [badge.classes[-1] for badge in badges] == [sense]


def test_a_control_that_cannot_be_told_is_no_failure_and_no_pass():
    control = Finding("c", "The mute control is mute.", Verdict.CANNOT_TELL, "Measured 0.4.", control=True)
    passed = replace(control, id="d", verdict=Verdict.SUPPORTED)
    section = one_finding()
    tree = parse(page([replace(section, findings=(*section.findings, passed, control))]))
    box = tree.one("div", "instrument")
    assert "Of 1 planted control of 2 these records cannot tell whether it came out as planted" in box.words
    assert "Measured 0.4." in box.words
    assert "role" not in box.attributes
    assert not tree.all(name="distrust")


def test_a_failed_control_distrusts_everything():
    control = Finding("c", "The mute control is mute.", Verdict.NOT_SUPPORTED, "Measured 0.4.", control=True)
    passed = replace(control, id="d", verdict=Verdict.SUPPORTED)
    section = one_finding()
    tree = parse(page([replace(section, findings=(*section.findings, passed, control))]))
    alert = tree.one("div", "instrument")
    assert alert.attributes["role"] == "alert"
    assert alert.one("h2").words == "The instrument failed its own controls"
    assert "1 planted control of 2 did not come out as planted" in alert.words
    assert "Measured 0.4." in alert.words
    assert tree.one("li", "headline").one("span", "distrust").words == "not to be trusted: controls failed"
    everything = list(tree)
    assert everything.index(alert) < everything.index(tree.one("li", "headline"))


def test_passed_controls_are_stated_quietly(tree: Element):
    box = tree.one(name="instrument")
    assert box.tag == "details"
    assert box.one("summary").words == "✓ The instrument passed. 3 planted controls came out as planted."
    assert not tree.all(name="distrust")


def test_a_control_that_does_not_apply_neither_passes_nor_fails():
    control = Finding("c", "A control.", Verdict.NOT_APPLICABLE, "The model cannot draw.", control=True)
    tree = parse(page([Section("s", "Study", "", (control,))]))
    assert "was not checked" in tree.one("div", "instrument").words
    passed = replace(control, id="p", verdict=Verdict.SUPPORTED)
    tree = parse(page([Section("s", "Study", "", (control, passed))]))
    assert (
        tree.one("details", "instrument")
        .one("summary")
        .words.endswith("1 planted control came out as planted; 1 did not apply.")
    )


def test_a_page_without_controls_says_so():
    assert "The instrument was not checked." in parse(page([one_finding()])).one("div", "instrument").words


def test_a_control_is_never_a_headline():
    tree = parse(page([one_finding(control=True)]))
    assert not tree.all("li", "headline")
    assert "No finding is put first." in tree.text


def test_an_interval_that_does_not_exist_is_said_not_to(tree: Element):
    last = entry(tree, "response-depends")
    assert last.one("p", "estimate").words == "0.21 no interval"
    assert last.one("p", "method").words == "too few prompts for an interval"
    assert not last.one("svg", "bar").all("path", "span")


@pytest.mark.parametrize("estimate", [math.nan, math.inf])
def test_an_undefined_estimate_draws_no_bar(estimate: float):
    interval = Interval(estimate, math.nan, math.nan, 0, 0, method="no replies")
    tree = parse(page([one_finding(interval=interval)]))
    assert entry(tree, "s-f").one("p", "estimate").words.split()[0] in ("undefined", "∞")
    assert not tree.all("svg", "bar")


def test_a_finding_without_an_interval_says_so():
    assert "no interval: the verdict rests on the text" in entry(parse(page([one_finding()])), "s-f").words


def test_presets_are_badged_one_per_figure(tree: Element):
    badges = {figure.attributes["id"]: figure.all("span", "preset") for figure in tree.all("figure", "figure")}
    assert {name: [one.words for one in found] for name, found in badges.items()} == {
        "encoding-paper": ["preset: paper"],
        "encoding-controlled": ["preset: controlled"],
        "response-gain": ["preset: controlled"],
    }
    assert parse(page([one_finding(preset=Preset.PAPER)])).one("li", "headline").one("span", "preset")


# Nothing there


def test_no_sections():
    tree = parse(page([]))
    assert "There is nothing to report: no study left a section." in tree.text
    assert "Nothing failed and nothing was left out." in tree.text


def test_an_empty_section():
    assert "This study left no findings" in parse(page([Section("s", "Study", "")])).one("section", "study").words


def test_sections_of_one_name_get_their_own_anchors():
    tree = parse(page([one_finding(), one_finding()]))
    assert [one.attributes["id"] for one in tree.all("section", "study")] == ["s", "s-2"]


def test_a_section_cannot_take_the_pages_own_anchors():
    tree = parse(page([Section("findings", "Study", ""), Section("data", "Study", "")]))
    assert [one.attributes["id"] for one in tree.all("section", "study")] == ["findings-2", "data-2"]


# Pictures


def gallery(*items: GalleryItem) -> Section:
    return Section("s", "Study", "", gallery=items)


def item(picture: str, **changes) -> GalleryItem:
    truth = {"shape": "star", "colour": "red", "size": "big"}
    made = GalleryItem(picture, "draw", truth, {"shape": "star", "colour": None}, {"shape": "disc"}, "m", "Group")
    return replace(made, **changes)


def test_right_and_wrong_are_marked_in_words_and_signs():
    pictures = sample.Pictures()
    name = pictures.keep(sample.picture(sample.TRUTHS[0]))
    card = parse(page([gallery(item(name))], pictures)).one("li", "card")
    rows = [[cell.words for cell in row.children if isinstance(cell, Element)] for row in card.all("tr")]
    assert rows == [
        ["attribute", "truth", "drawn", "told"],
        ["shape", "star", "✓ star (right)", "✕ disc (wrong)"],
        ["colour", "red", "– not seen", "– not said"],
        ["size", "big", "– not seen", "– not said"],
    ]
    assert card.one("img").attributes["alt"] == "Drawn by m; the judge saw: shape star"
    assert "pixels" in card.one("img").classes


def test_a_chosen_sample_is_never_scored_and_says_how_it_was_chosen():
    pictures = sample.Pictures()
    name = pictures.keep(sample.picture(sample.TRUTHS[0]))
    section = gallery(item(name, record="ab12"), item(name), item(name, group="Other"))
    section = replace(section, chosen="The first of each.", pictures={"Group": 144})
    study = parse(page([section], pictures)).one("section", "study")
    assert "The first of each." in study.words
    assert [one.words for one in study.all("p", "score")] == ["2 of 144 pictures shown."]
    assert "right:" not in study.words
    assert study.all("li", "card")[0].one("p", "record").words == "record ab12"


def test_both_ways_of_telling_are_named_where_they_differ():
    def header(recalled: dict[str, str | None]) -> list[str]:
        card = parse(page([gallery(item(name, recalled=recalled))], pictures)).one("li", "card")
        return [one.words for one in card.one("thead").all("th")]

    pictures = sample.Pictures()
    name = pictures.keep(sample.picture(sample.TRUTHS[0]))
    assert header({}) == header({"shape": "disc"}) == ["attribute", "truth", "drawn", "told"]
    assert header({"shape": "star"}) == ["attribute", "truth", "drawn", "told, likeliest", "in free recall"]


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (None, "is not in the run folder"),
        (b"", "not a picture that can be decoded"),
        (b"<svg onload='x'/>", "not a picture that can be decoded"),
        (sample.picture(sample.TRUTHS[0])[:80], "not a picture that can be decoded"),
    ],
)
def test_a_picture_that_cannot_be_shown_is_named(stored: bytes | None, reason: str):
    pictures = sample.Pictures()
    name = "ab" * 32 if stored is None else pictures.keep(stored)
    tree = parse(page([gallery(item(name))], pictures))
    assert reason in tree.one("p", "missing").words
    assert name in tree.one("section", anchor="failures").text
    assert not tree.all("img")


def test_a_picture_of_more_pixels_than_are_stored_is_not_decoded(monkeypatch: pytest.MonkeyPatch):
    made = sample.picture(sample.TRUTHS[0])
    assert isinstance(pictures_of_pages.show("0", lambda _: made), pictures_of_pages.Shown)
    monkeypatch.setattr(pictures_of_pages, "MOST_STORED", 64 * 64 - 1)
    found = pictures_of_pages.show("0", lambda _: made)
    assert isinstance(found, pictures_of_pages.Missing)
    assert "claims more pixels" in found.reason


def test_a_picture_that_claims_too_many_pixels_is_not_decoded():
    header = bytearray(sample.picture(sample.TRUTHS[0]))
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    pictures = sample.Pictures()
    tree = parse(page([gallery(item(pictures.keep(bytes(header))))], pictures))
    assert "claims more pixels than any drawn picture has" in tree.one("p", "missing").words


def test_stored_bytes_never_reach_the_page():
    pictures = sample.Pictures()
    stored = sample.picture(sample.TRUTHS[0]) + b"<script>trailing</script>"
    tree = parse(page([gallery(item(pictures.keep(stored)))], pictures))
    kind, _, body = (tree.one("img").attributes["src"] or "").partition(",")
    assert kind == "data:image/png;base64"
    assert b"trailing" not in base64.b64decode(body)


def test_large_pictures_are_shown_reduced():
    pictures = sample.Pictures()
    tree = parse(page([gallery(item(pictures.keep(sample.picture(sample.TRUTHS[0], 1024))))], pictures))
    assert (tree.one("img").attributes["width"], tree.one("img").attributes["height"]) == ("384", "384")
    assert (tree.one("img").attributes["src"] or "").startswith("data:image/jpeg;base64,")
    assert "pixels" not in tree.one("img").classes


@pytest.mark.slow
def test_a_long_gallery_is_cut_and_says_so():
    pictures = sample.Pictures()
    name = pictures.keep(sample.picture(sample.TRUTHS[0]))
    tree = parse(page([gallery(*[item(name)] * (PICTURES_PER_STUDY + 3))], pictures))
    assert len(tree.all("li", "card")) == PICTURES_PER_STUDY
    assert "3 more pictures not shown here" in tree.one("section", "study").words


# Where it came from


def test_runs_models_failures_and_skips_are_stated(tree: Element):
    origin = tree.one("section", anchor="origin").words
    for text in ("7f3a91c0de7", "planted control: mute", "torch 2.13.0", "unispect run concepts", "0, 1, 2"):
        assert text in origin
    runs = tree.one("figure", "table", "runs").one("tbody").all("tr")
    assert [[cell.words for cell in run.all("td")[3:6]] for run in runs] == [["1 536", "2", "0"], ["720", "0", "0"]]
    commands = tree.one("section", anchor="origin").one("dl", "commands")
    assert [name.words for name in commands.all("dt")] == [run.name for run in sample.provenance().runs]
    assert [code.words for code in commands.all("code")] == [run.command for run in sample.provenance().runs]
    assert "unispect 0.1.0" in tree.one("section", anchor="origin").one("p", "shared").words
    failures = tree.one("section", anchor="failures").words
    assert "the model produced NaN scores at step 12" in failures
    assert "the model cannot write" in failures
    assert tree.one("p", "dek").words == "3 models, 3 studies. 2 256 of 2 258 units measured, 2 failed, 1 left out."


def test_what_runs_do_not_share_stands_in_their_rows():
    runs = sample.provenance().runs
    other = replace(runs[1], settings={**runs[1].settings, "device": "cuda"})
    origin = parse(page([], provenance=Provenance((), (runs[0], other)))).one("section", anchor="origin")
    assert "device" not in origin.one("p", "shared").words
    assert [("device cpu" in row.words, "device cuda" in row.words) for row in origin.one("tbody").all("tr")] == [
        (True, False),
        (False, True),
    ]


def test_what_planners_left_out_is_said_once_for_all_models():
    run = sample.provenance().runs[1]
    runs = [replace(run, models=(name,), skips=(Skip("seeds 1, 2", "nothing is repeated"),)) for name in ("a", "b")]
    skips = parse(page([], provenance=Provenance((), tuple(runs)))).one("figure", "table", "planned-skips")
    assert [cell.words for cell in skips.one("tbody").all("bdi")] == ["seeds 1, 2", "a, b", "nothing is repeated"]


def test_the_archive_may_lie_beside_the_page():
    beside = parse(page([], data=offered(b"x" * 1000, "r-data.zip"))).one("section", anchor="data")
    assert "lies beside it" in beside.words
    assert beside.one("ul", "files").words == "r-data.zip 1 kB"
    assert not beside.all("a")


def test_many_failures_are_counted_and_cut():
    run = replace(sample.provenance().runs[0], failed=500, failures=(Failure("u", "draw", "NaN"),) * 500, skips=())
    section = parse(page([], provenance=Provenance((), (run,)))).one("section", anchor="failures")
    assert len(section.one("tbody").all("tr")) == LISTED
    assert "The first 200 of 500; findings.json lists them all." in section.words


def test_counts_agree_between_head_and_list():
    run = replace(sample.provenance().runs[0], skipped=2, skips=(Skip("a", "b"), Skip("c", "d")))
    tree = parse(page([], provenance=Provenance((), (run,))))
    assert "4 left out" in tree.one("p", "dek").words
    assert (
        "2 units skipped while running, 2 items left out by the planner" in tree.one("section", anchor="failures").words
    )


def test_parts_of_the_page_serve_pages_that_lack_its_lists():
    """A finding's entry where intervals have no list of methods, and a badge by its verdict alone."""
    source = (
        '{% from "finding.html.j2" import badge, entry with context %}<ul>{{ entry(item) }}</ul>{{ badge(verdict) }}'
    )
    finding = replace(one_finding().findings[0], interval=sample.interval(0.5, 0.1))
    made = environment().from_string(source)
    trust = instrument([])
    tree = parse(made.render(item={"finding": finding, "anchor": "a"}, verdict=Verdict.CANNOT_TELL, instrument=trust))
    assert tree.one("p", "method").words == "95 % interval, bootstrap over concepts"
    assert tree.all("span", "badge")[-1].words == "?cannot tell"
