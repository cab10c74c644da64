"""`unispect.trajectory`: how spread out the states of a few prompts are, layer by layer."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from unispect.api.frames import frame_of
from unispect.api.running import preset_named, require_one, run
from unispect.core import shown
from unispect.core.errors import DataError, UsageError
from unispect.core.findings import Figure, Preset, Series
from unispect.core.shown import clip, visible
from unispect.core.typed import read_inputs
from unispect.runner.reporting import shown_cards
from unispect.runs.records import Records
from unispect.studies.base import Options
from unispect.studies.encoding.records import Prompted
from unispect.studies.encoding.traces import Trace, traces_of
from unispect.studies.names import names_of
from unispect.studies.registry import find_study

if TYPE_CHECKING:
    import altair
    from PIL.Image import Image

    from unispect.models.base import UnifiedModel

STUDY = "encoding"
COLUMNS = ("prompt", "modality", "goal", "preset", "layer", "entropy", "ceiling", "null", "half", "double", "rows", "k")
_GOALS = {"text": "before a text reply", "image": "before a picture"}


class Trajectory:
    """Entropies of prompts by layer.

    Attributes:
        model: name that is shown.
        preset: how states were measured.
        traces: one for each prompt and template, with its text (or the name of its picture) in front.
        left_out: prompt -> why it has no entropies.
    """

    def __init__(self, model: str, preset: Preset, traces: Sequence[tuple[str, Trace]]) -> None:
        self.model, self.preset = model, preset
        self.traces = tuple((name, trace) for name, trace in traces if trace.curve)
        self.left_out = {name: trace.left_out for name, trace in traces if not trace.curve}

    def frame(self) -> Any:
        """A row for each prompt, template and layer.

        `entropy` is in bits, of the prompt's own rows (`rows`, of which `k` were drawn under the controlled preset);
        `ceiling` is the most it could be, `half` and `double` are at half and twice the bandwidth, and `null` is what
        is left when every coordinate is shuffled over the rows (controlled preset).
        """
        rows = [
            {
                "prompt": name,
                "modality": trace.modality,
                "goal": trace.goal,
                "preset": str(trace.preset),
                "layer": layer,
                "entropy": value,
                "ceiling": trace.ceiling,
                **{more: trace.more[more][layer] for more in ("null", "half", "double") if more in trace.more},
                "rows": trace.rows,
                "k": trace.k,
            }
            for name, trace in self.traces
            for layer, value in enumerate(trace.curve)
        ]
        return frame_of(rows, COLUMNS)

    @property
    def figure(self) -> Figure:
        """A line for each prompt; a panel for each template."""
        panels: dict[str, tuple[Series, ...]] = {}
        for goal, title in _GOALS.items():
            own = [(name, trace) for name, trace in self.traces if trace.goal == goal]
            if own:
                panels[title] = tuple(_lines(own))
        title = f"{self.model}: entropy of prompts by layer, {self.preset} preset"
        return Figure("trajectory", title, "layer", "bits", panels, self.preset, summary=title)

    def chart(self) -> altair.Chart:
        """The figure as an Altair chart.

        Raises:
            MissingExtra: Altair is not installed.
        """
        from unispect.api.charts import chart

        return chart(self.figure)

    def __repr__(self) -> str:
        lines = [f"<{self.model}, {self.preset} preset>"]
        for name, trace in self.traces:
            first, last = trace.ends
            lines.append(f"{_short(name)}: {first:.3f} to {last:.3f} bits {_GOALS[trace.goal]}")
        return "\n".join([*lines, *(f"{_short(name)}: left out, {why}" for name, why in self.left_out.items())])

    def _repr_html_(self) -> str:
        import vl_convert

        from unispect.report.vega import specification

        left = [(shown.text(name, 80), shown.text(why)) for name, why in self.left_out.items()]
        parts = [shown.table(("left out", "why"), left)] if left else []
        if self.traces:
            svg = vl_convert.vegalite_to_svg(specification(self.figure), allowed_base_urls=[])
            parts.insert(0, shown.drawing(svg, self.figure.title))
        return shown.box(*parts)


def _short(name: str) -> str:
    return clip(" ".join(visible(name).split()), 60)


def _lines(traces: Sequence[tuple[str, Trace]]) -> Iterator[Series]:
    """A line for each trace; of those that would have the same label, all but the first are numbered."""
    taken: set[str] = set()
    for name, trace in traces:
        short = _short(name)
        label = next(one for one in chain([short], (f"{short} ({n})" for n in count(2))) if one not in taken)
        taken.add(label)
        yield Series(label, range(len(trace.curve)), trace.curve)


def trajectory(
    model: str | UnifiedModel,
    prompts: str | Path | Image | Sequence[str | Path | Image],
    *,
    preset: Preset | str = Preset.CONTROLLED,
    seed: int = 0,
    out: str | Path | None = None,
) -> Trajectory:
    """Measures the entropy of a few prompts at every layer (the study `encoding`, for prompts of one's own).

    Texts are measured in both templates, the one that precedes a text reply and the one that precedes a picture;
    pictures in the former. Under the controlled preset, bandwidths and the number of rows that are drawn are those of
    these prompts: levels of two calls do not compare.

    Args:
        model: a name (`unispect.all_models`), or a model that `unispect.load` gave.
        prompts: texts; pictures as `PIL.Image`, or as a `pathlib.Path` of a file.
        preset: "controlled" (equal rows, own bandwidth at every layer) or "paper" (raw states, sigma = 1).
        seed: decides which rows are drawn.
        out: folder for the run and the prompts, which the same prompts continue, for other models and presets too; by
            default one that is gone afterwards.

    Raises:
        UsageError: no prompts, an empty one, an unknown preset or model, or `out` holds other prompts.
        DataError: a picture cannot be read.
        UnispectError: units failed.
    """
    asked, measured = _several(prompts), preset_named(preset)
    require_one(model)
    with TemporaryDirectory() if out is None else nullcontext(str(out)) as folder:
        sources, names = _written(asked, Path(folder) / "prompts")
        options = Options(data=sources, presets=(measured,), seeds=(seed,))
        done = run(STUDY, model, Path(folder) / "run", options=options)
        done.raise_failures()
        with done.opened() as stores:
            entries = [
                entry
                for entry in Records(stores, STUDY, find_study(STUDY).version)
                if entry.unit.model == done.outcomes[0].model
            ]
            shown_as = {}
            for entry in entries:
                if entry.unit.kind == "trajectory":
                    one = read_inputs(Prompted, entry.unit)
                    shown_as[f"{one.modality} {one.id}"] = str(one.prompt.get("text") or names.get(one.id, one.id))
            traces = [
                one for one in traces_of(entries, names_of(entries, shown_cards(stores))) if one.preset is measured
            ]
    return Trajectory(traces[0].model if traces else "", measured, [(shown_as[one.prompt], one) for one in traces])


def _several(prompts: Any) -> list[str | Path | Image]:
    from PIL.Image import Image

    asked = [prompts] if isinstance(prompts, str | Path | Image) else list(prompts)
    if not asked:
        raise UsageError("name at least one prompt")
    for one in asked:
        if not isinstance(one, str | Path | Image):
            raise UsageError(f"a prompt is a text, a PIL picture or the path of one, not {type(one).__name__}")
        if isinstance(one, str) and not one.strip():
            raise UsageError("a prompt is empty")
    return asked


def _written(asked: Sequence[str | Path | Image], folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """The prompts as sources that a study reads, and how pictures are called.

    Raises:
        UsageError: other prompts lie in the folder, which would be measured with them.
        DataError: a picture cannot be read.
    """
    files: dict[Path, bytes] = {}
    names: dict[str, str] = {}
    texts = [one for one in asked if isinstance(one, str)]
    if texts:
        lines = [json.dumps({"prompt": one, "tag": "given", "include": []}) for one in texts]
        files[folder / "texts.jsonl"] = "".join(f"{line}\n" for line in lines).encode("ascii")
    for number, one in enumerate((one for one in asked if not isinstance(one, str)), 1):
        name = f"given/{number:04}{one.suffix if isinstance(one, Path) else '.png'}"
        names[name] = one.name if isinstance(one, Path) else f"picture {number}"
        files[folder / "pictures" / name] = _bytes(one)
    held = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if held and held != files:
        raise UsageError(f"{folder} holds other prompts; name another folder for these")
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    sources = [f"geneval:{folder / 'texts.jsonl'}"] * bool(texts) + [f"images:{folder / 'pictures'}"] * bool(names)
    return tuple(sources), names


def _bytes(picture: Path | Image) -> bytes:
    """Of the picture's file; of one without a file, of a PNG."""
    if isinstance(picture, Path):
        try:
            return picture.read_bytes()
        except OSError as error:
            raise DataError(f"picture {picture} cannot be read: {error.strerror or error}") from error
    file = io.BytesIO()
    picture.convert("RGB").save(file, "PNG")
    return file.getvalue()
