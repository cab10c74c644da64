"""A report's input as three studies of three models would leave it: the shapes are real, the numbers invented."""

from __future__ import annotations

import hashlib
import io
import math
import random
from dataclasses import replace

from PIL import Image, ImageDraw

from unispect.core.findings import (
    Basis,
    Bearing,
    Figure,
    Finding,
    GalleryItem,
    Glance,
    Interval,
    Preset,
    Section,
    Series,
    Table,
    Verdict,
)
from unispect.core.units import Skip
from unispect.report.provenance import Failure, ModelFacts, Provenance, RunFacts

BOUND, FLUENT, MUTE = "tiny-janus-pro-bound", "tiny-janus-pro-fluent", "tiny-janus-pro-mute"
MODELS = (BOUND, FLUENT, MUTE)
WORDS = {"shape": "velodrim", "colour": "ostakune", "pattern": "brimwaldo", "position": "qualitesh"}
TRUTHS = (
    {"shape": "star", "colour": "red", "pattern": "striped", "position": "top left"},
    {"shape": "circle", "colour": "turquoise", "pattern": "checkered", "position": "bottom right"},
    {"shape": "square", "colour": "purple", "pattern": "solid", "position": "top right"},
    {"shape": "plus", "colour": "green", "pattern": "zigzag", "position": "bottom left"},
)
COLOURS = {"red": "#f00", "turquoise": "#0ff", "purple": "#f0f", "green": "#0f0"}
HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "javascript:document.title='owned'",
    "\u202etxet desrever\u202c \x00\x07\x1b[31m \u200b\ufeff \ud800",
    "</style><style>*{display:none}</style>{{ 7*7 }}{% raw %}",
    "supercalifragilistic" * 40,
    "مرحبا بالعالم ' & < >",
)


def picture(truth: dict[str, str], size: int = 64) -> bytes:
    """A drawn picture as PNG: striped ground in the colour, a black disc or box in its quadrant."""
    image = Image.new("RGB", (size, size), COLOURS[truth["colour"]])
    pen = ImageDraw.Draw(image)
    if truth["pattern"] != "solid":
        for y in range(0, size, size // 6):
            pen.rectangle((0, y, size, y + size // 14), fill="white")
    half, gap = size // 2, size // 14
    left = 0 if "left" in truth["position"] else half
    top = 0 if "top" in truth["position"] else half
    box = (left + gap, top + gap, left + half - gap, top + half - gap)
    (pen.ellipse if truth["shape"] == "circle" else pen.rectangle)(box, fill="black")
    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()


class Pictures(dict[str, bytes]):
    """Blobs by their hash; call it to open one."""

    def keep(self, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        self[name] = content
        return name

    def __call__(self, sha256: str) -> bytes:
        if sha256 not in self:
            raise FileNotFoundError(f"blob {sha256[:12]} is not in the run folder")
        return self[sha256]


def interval(estimate: float, half: float, n: int = 171, clusters: int = 22) -> Interval:
    return Interval(
        estimate, max(estimate - half, -1), min(estimate + half, 1), n, clusters, 0.95, "bootstrap over concepts"
    )


def concepts(pictures: Pictures) -> Section:
    """The behaviour study: gap, table, gallery and two planted controls."""
    findings = (
        Finding(
            "gap",
            "Words taught by drawing are drawn but not told.",
            Verdict.SUPPORTED,
            "Draws 98 % of attributes, tells 31 % (log-likelihood); aphasia gap 0.71; exact McNemar p = 3e-41.",
            interval(0.71, 0.09),
            BOUND,
            headline=True,
            chance=0.0,
            seeds=(0, 1, 2),
            bearing={Verdict.SUPPORTED: Bearing.APART},
            basis=Basis("aphasia", (BOUND, "colour"), pictures="Words taught by drawing"),
        ),
        Finding(
            "mirror",
            "Words taught by text are told but not drawn.",
            Verdict.SUPPORTED,
            "Tells 100 %, draws 23 %, which is chance.",
            interval(-0.77, 0.11),
            BOUND,
            headline=True,
            chance=0.0,
            seeds=(0, 1, 2),
            bearing={Verdict.SUPPORTED: Bearing.APART},
        ),
        Finding(
            "letters",
            "Multiple choice agrees with log-likelihood.",
            Verdict.CANNOT_TELL,
            "Only 58 % of the format control is right; a letter says too little about what the model knows.",
            interval(0.06, 0.21, 88, 22),
            BOUND,
            chance=0.0,
            seeds=(0, 1, 2),
        ),
        Finding(
            "fluent",
            "The fluent control shows no aphasia.",
            Verdict.SUPPORTED,
            "Planted gap 0; measured 0.01.",
            interval(0.01, 0.04),
            FLUENT,
            control=True,
            chance=0.0,
            seeds=(0, 1, 2),
            bearing={Verdict.SUPPORTED: Bearing.ONE},
        ),
        Finding(
            "mute",
            "The mute control shows full aphasia.",
            Verdict.SUPPORTED,
            "Planted gap 1; measured 0.96.",
            interval(0.96, 0.05),
            MUTE,
            control=True,
            chance=0.0,
            seeds=(0, 1, 2),
        ),
    )
    rows = []
    dice = random.Random(7)
    for model, drawn, told in ((BOUND, 0.98, 0.31), (FLUENT, 0.97, 0.96), (MUTE, 0.98, 0.02)):
        for attribute, chance in (("shape", 1 / 7), ("colour", 1 / 6), ("pattern", 1 / 5), ("position", 1 / 4)):
            shake = dice.uniform(-0.02, 0.02)
            rows.append(
                (
                    model,
                    attribute,
                    "drawing",
                    interval(min(drawn + shake, 1.0), 0.04),
                    interval(max(told + 2 * shake, 0.0), 0.08),
                    interval(0.4 + shake, 0.12),
                    None if model == MUTE else interval(told / 2, 0.1),
                    round(chance, 3),
                    interval(drawn - told + shake, 0.07),
                    3e-41 if told < 0.5 else 0.81,
                    171,
                )
            )
    table = Table(
        "aphasia",
        "Drawn and told, by attribute",
        (
            "model",
            "attribute",
            "taught by",
            "drawn",
            "told: likelihood",
            "told: letters",
            "told: free",
            "chance",
            "gap",
            "McNemar p",
            "n",
        ),
        tuple(rows),
        "Held-out combinations. The gap is the difference of chance-corrected accuracies.",
    )
    gallery = []
    for group, told_right in (("Words taught by drawing", False), ("Words taught by both", True)):
        for index, truth in enumerate(TRUTHS):
            wrong = {"shape": "hexagon", "colour": truth["colour"], "pattern": None, "position": "top left"}
            gallery.append(
                GalleryItem(
                    pictures.keep(picture(truth)),
                    " ".join(WORDS.values()),
                    truth,
                    {**truth, "pattern": None} if index == 3 else truth,
                    truth if told_right else wrong,
                    BOUND,
                    group,
                    f"{WORDS['shape']} is a shape; I am not certain which. It might be a hexagon at the top left.",
                    {"shape": None} if told_right else {},
                    f"{index:064x}",
                )
            )
    return Section(
        "concepts",
        "Can it tell what it can draw?",
        "Invented words are taught by drawing, by text, by both or never. Each is then drawn, and told in three ways.",
        findings,
        (table,),
        (),
        tuple(gallery),
        (
            "Drawn pictures are graded by rule; the grader abstains on 0.6 % of attributes.",
            "Letters are averaged over six option orders, with the letter bias removed by a content-free question.",
            "Intervals: 2,000 bootstrap samples, clustered on the concept.",
        ),
        (
            "One small world: 7 shapes, 6 colours, 5 patterns, 4 positions.",
            "Multiple choice is hard for a model of this size; its control is reported beside it.",
        ),
        chosen="The first four pictures of each group, in the order of drawing.",
        pictures={"Words taught by drawing": 96, "Words taught by both": 48},
        glances=(
            _glance(
                BOUND, 0.31, {"draws what it cannot tell": "gap", "tells what it cannot draw": "mirror"}, gallery[0]
            ),
            _glance(FLUENT, 0.96, {"tells what it draws": "fluent"}, gallery[4], "fluent"),
            _glance(MUTE, 0.02, {}, None, "mute"),
        ),
    )


def _glance(model: str, told: float, asked: dict[str, str], shown: GalleryItem | None, planted: str = "") -> Glance:
    shares = {"drawn": interval(0.97, 0.02), "told": interval(told, 0.08)}
    return Glance(model, asked, shares, 0.2, "words taught by drawing", picture=shown, planted=planted)


def _walk(start: float, slope: float, layers: int, seed: int) -> tuple[list[float], list[float], list[float]]:
    dice = random.Random(seed)
    ys = [start + slope * x + 0.15 * math.sin(x) + dice.uniform(-0.1, 0.1) for x in range(layers)]
    return ys, [y - 0.22 for y in ys], [y + 0.22 for y in ys]


def _trajectories(name: str, preset: Preset, offset: float) -> Figure:
    panels = {}
    for index, model in enumerate(MODELS):
        lines = []
        for label, start, slope, dash in (
            ("text", 5.2, 0.11, False),
            ("image", 6.1 + offset, -0.16, False),
            ("shuffled", 6.4, 0, True),
        ):
            y, low, high = _walk(start, slope, 6, 10 * index + len(label))
            lines.append(Series(label, range(6), y, () if dash else low, () if dash else high, dash))
        panels[model] = tuple(lines)
    return Figure(
        name,
        f"Entropy through the layers, {preset.value}",
        "layer",
        "matrix-based Rényi entropy (bits)",
        panels,
        preset,
        "Mean over prompts with 95 % bands, clustered on the prompt.",
        "Text entropy rises from 5.2 to 5.8 bits; image entropy falls from 6.1 to 5.3 bits in all three models.",
    )


def encoding() -> Section:
    findings = (
        Finding(
            "shared",
            "Text and image entropies move together through the layers.",
            Verdict.NOT_SUPPORTED,
            "Slopes +0.11 and -0.16 bits per layer; the difference excludes zero.",
            Interval(0.27, 0.19, 0.35, 240, 60, 0.95, "bootstrap over prompts"),
            BOUND,
            Preset.CONTROLLED,
            headline=True,
            chance=0.0,
            seeds=(0, 1, 2),
            bearing={Verdict.SUPPORTED: Bearing.ONE, Verdict.NOT_SUPPORTED: Bearing.APART},
            basis=Basis(figure="controlled"),
        ),
        Finding(
            "published",
            "The published measure shows a gap between modalities.",
            Verdict.SUPPORTED,
            "2.31 bits at the last layer, of which 2.17 are explained by the number of rows alone.",
            Interval(2.31, 2.24, 2.38, 240, 60, 0.95, "bootstrap over prompts"),
            BOUND,
            Preset.PAPER,
            headline=True,
            seeds=(0, 1, 2),
        ),
        Finding(
            "lengths",
            "Long prompts have higher entropy at equal rows.",
            Verdict.NOT_APPLICABLE,
            "All prompts have one length.",
        ),
        Finding(
            "null",
            "Shuffled coordinates carry no structure.",
            Verdict.SUPPORTED,
            "Structure index 0.004 bits.",
            Interval(0.004, -0.01, 0.02, 240, 60, 0.95, "bootstrap over prompts"),
            control=True,
            chance=0.0,
        ),
    )
    published, controlled = (
        _trajectories("paper", Preset.PAPER, 0.9),
        _trajectories("controlled", Preset.CONTROLLED, 0.0),
    )
    glances = tuple(
        Glance(
            model,
            {"text and images move together": "shared"} if model == BOUND else {},
            curves=tuple(controlled.panels[model][:2]),
            curved="entropy by layer, controlled preset",
        )
        for model in MODELS
    )
    return Section(
        "encoding",
        "Do text and images live in one space?",
        "Entropy of what the model holds about a prompt, layer by layer, as published and without length and scale.",
        findings,
        (),
        (published, controlled),
        (),
        ("64 rows drawn without replacement, 8 draws; one bandwidth per model and layer, shared by the modalities.",),
        ("The published measure depends on the number of rows; read it beside log2(1 + m/n).",),
        glances=glances,
    )


def response() -> Section:
    y, low, high = _walk(0.1, 0.05, 6, 3)
    y[2] = low[2] = high[2] = math.nan
    gain = Figure(
        "gain",
        "Mismatch gain of replies",
        "layer",
        "G (bits)",
        {
            BOUND: (
                Series("text reply", range(6), y, low, high),
                Series("image reply", range(6), [v - 0.3 for v in _walk(0, 0.02, 6, 5)[0]]),
            )
        },
        Preset.CONTROLLED,
        "A reply that depends on its own prompt more than on others has a gain above zero.",
        "Text replies gain 0.1 to 0.35 bits, image replies stay below zero.",
    )
    return Section(
        "response",
        "Do replies depend on their prompts?",
        "How much a reply's states overlap with those of its own prompt, against the prompts of others.",
        (
            Finding(
                "depends",
                "Text replies depend on their prompts.",
                Verdict.CANNOT_TELL,
                "Only four prompts had replies long enough.",
                Interval(0.21, math.nan, math.nan, 4, 4, 0.95, "too few prompts for an interval"),
                BOUND,
                Preset.CONTROLLED,
                headline=True,
                chance=0.0,
                seeds=(0,),
            ),
        ),
        (
            Table(
                "counts",
                "Rows that entered",
                ("model", "n", "m", "log2(1+m/n)"),
                ((BOUND, 64, 24, 0.459), (FLUENT, 64, 31, 0.569), (MUTE, 64, None, None)),
            ),
        ),
        (gain,),
    )


def provenance() -> Provenance:
    versions = {"unispect": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "numpy": "2.4.1", "python": "3.11.2"}
    models = tuple(
        ModelFacts(name, f"{index:x}f3a91c0de{index}", "shipped with unispect", note)
        for index, (name, note) in enumerate(
            zip(MODELS, ("", "planted control: fluent", "planted control: mute"), strict=True), 7
        )
    )
    concepts = RunFacts(
        "demo-concepts",
        "concepts, version 1",
        f"unispect run concepts --model {BOUND} --seeds 0 1 2 --out demo-concepts",
        (BOUND, FLUENT, MUTE),
        (0, 1, 2),
        {"presets": "paper, controlled", "device": "cpu", "dtype": "float32"},
        versions,
        1536,
        2,
        0,
        (
            Failure("8c1f00aa12", "concepts draw", "the model produced NaN scores at step 12"),
            Failure("8c1f00aa13", "concepts tell", "the reply was empty"),
        ),
        (Skip("free recall of tiny-janus-pro-mute", "the model cannot write"),),
        "2026-11-24",
    )
    encoding = replace(
        concepts, name="demo-encoding", study="encoding, version 1", done=720, failed=0, failures=(), skips=()
    )
    return Provenance(models, (concepts, encoding), "0.1.0", "unispect demo")


def sections(pictures: Pictures) -> tuple[Section, ...]:
    return concepts(pictures), encoding(), response()


def of_many(section: Section, n: int) -> Section:
    """The section with everything that it says of its first model said of so many models."""

    def named(one, index: int, **more):
        return replace(one, model=f"model-{index}", **more)

    findings = [one for one in section.findings if one.model == BOUND]
    return replace(
        section,
        findings=tuple(named(one, index, id=f"{one.id}-{index}") for one in findings for index in range(n)),
        glances=tuple(
            named(one, index, asked={name: f"{id}-{index}" for name, id in one.asked.items()})
            for one in section.glances[:1]
            for index in range(n)
        ),
    )


def failing(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """The same report with one control that did not come out as planted."""
    first = sections[0]
    findings = tuple(
        replace(found, verdict=Verdict.NOT_SUPPORTED) if found.id == "mute" else found for found in first.findings
    )
    return (replace(first, findings=findings), *sections[1:])


def hostile_sections(pictures: Pictures) -> tuple[Section, ...]:
    """Every place a string can go, filled with strings that want out."""
    bad = HOSTILE
    everything = " ".join(bad)
    band = Interval(0.5, 0.4, 0.6, 10, 10, 0.95, everything)
    finding = Finding(everything, everything, Verdict.SUPPORTED, everything, band, bad[0], Preset.PAPER, headline=True)
    line = Series(bad[1], (0, 1, 2), (1.0, 2.0, 3.0), (0.5, 1.5, 2.5), (1.5, 2.5, 3.5))
    figure = Figure(
        bad[0],
        bad[0],
        bad[0],
        bad[1],
        {text: (line, replace(line, label=text)) for text in bad},
        Preset.PAPER,
        everything,
        everything,
    )
    item = GalleryItem(
        pictures.keep(picture(TRUTHS[0])),
        everything,
        dict.fromkeys(bad, "x"),
        {text: text for text in bad},
        {text: text for text in bad},
        bad[1],
        bad[0],
        everything,
        {text: f"{text} again" for text in bad},
        everything,
    )
    glance = Glance(
        bad[0], {everything: "control"}, {everything: band}, 0.5, everything, (line,), everything, item, everything
    )
    section = Section(
        everything,
        everything,
        everything,
        (finding, replace(finding, id="control", control=True, verdict=Verdict.NOT_SUPPORTED)),
        (Table(bad[1], bad[0], bad, (bad, tuple(reversed(bad))), everything),),
        (figure,),
        (item, replace(item, picture="<script>missing</script>")),
        bad,
        bad,
        chosen=everything,
        pictures={bad[0]: 7},
        glances=(glance,),
    )
    return (section,)


def hostile_provenance() -> Provenance:
    everything = " ".join(HOSTILE)
    run = RunFacts(
        everything,
        everything,
        everything,
        HOSTILE,
        (0,),
        {text: text for text in HOSTILE},
        {text: text for text in HOSTILE},
        1,
        1,
        1,
        (Failure(everything, everything, everything),),
        (Skip(everything, everything),),
        everything,
    )
    return Provenance((ModelFacts(everything, everything, everything, everything),), (run,), everything, everything)
