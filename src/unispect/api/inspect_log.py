"""Records of a run as logs for the viewer of Inspect (inspect-ai): a log per study and model, a sample per record."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unispect.api.pictures import judged
from unispect.core import extras
from unispect.core.errors import StoreError
from unispect.core.shown import valid
from unispect.core.units import Entry
from unispect.report.text import Anchors
from unispect.runs.completeness import Lacking, lacking
from unispect.runs.reading import RunReader

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample  # pyright: ignore[reportMissingImports]


@dataclass(frozen=True)
class ExportedLogs:
    """The logs, how many samples they hold, and what of the plans left no record."""

    paths: tuple[Path, ...]
    samples: int
    lacking: tuple[Lacking, ...]


@extras.told()
def export_inspect(store: RunReader, folder: Path) -> ExportedLogs:
    """Writes `STUDY-MODEL.eval` into a folder for every study and model of a run; equal names are written anew.

    A sample has the prompt as its input, what was asked for as its target, texts and pictures as its output, and a
    score for every judge: C or I where the study says what was to be seen, else the grade as it stands.

    Raises:
        MissingExtra: inspect-ai is not installed.
        StoreError: the run is damaged, or a log cannot be written.
    """
    from inspect_ai.log import write_eval_log  # pyright: ignore[reportMissingImports]

    paths, samples, unique = [], 0, Anchors()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with store.snapshot():
            created = store.manifest().created
            for study, model in dict.fromkeys((one.study, one.model) for one in store.counts()):
                found = [_sample(store, entry) for entry in store.entries(study) if entry.unit.model == model]
                if found:
                    paths.append(folder / f"{unique(study, model)}.eval")
                    samples += len(found)
                    write_eval_log(_log(study, model, created, found), str(paths[-1]))
            return ExportedLogs(tuple(paths), samples, lacking([store]))
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from error


def _log(study: str, model: str, created: str, samples: list[EvalSample]) -> Any:
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalMetric, EvalResults, EvalScore, EvalSpec  # pyright: ignore[reportMissingImports]

    judges = dict.fromkeys(judge for one in samples for judge in one.scores or ())
    scores = []
    for judge in judges:
        values = [one.scores[judge].value for one in samples if judge in (one.scores or {})]  # pyright: ignore
        counted = [value == "C" for value in values if value in ("C", "I")]
        metrics = {"accuracy": EvalMetric(name="accuracy", value=sum(counted) / len(counted))} if counted else {}
        scores.append(EvalScore(name=judge, scorer=judge, scored_samples=len(values), metrics=metrics))
    return EvalLog(
        status="success",
        eval=EvalSpec(
            created=created,
            task=study,
            dataset=EvalDataset(name=study, samples=len(samples)),
            model=f"unispect/{model}",
            config=EvalConfig(),
        ),
        results=EvalResults(
            total_samples=len(samples), completed_samples=sum(one.error is None for one in samples), scores=scores
        ),
        samples=samples,
    )


def _sample(store: RunReader, entry: Entry) -> EvalSample:
    from inspect_ai.log import EvalError, EvalSample  # pyright: ignore[reportMissingImports]
    from inspect_ai.model import ChatMessageAssistant, ModelOutput  # pyright: ignore[reportMissingImports]
    from inspect_ai.scorer import Score  # pyright: ignore[reportMissingImports]

    unit, record = entry.unit, entry.record
    wanted, seen, wrong = judged(entry)
    scores = {}
    for judge, grade in entry.grades.items():
        said = _json(grade.payload)
        known = wanted and judge in seen
        value = ("I" if wrong[judge] else "C") if known else said
        scores[judge] = Score(value=value, answer=said, explanation=valid("; ".join(wrong.get(judge, ()))))
    reply = ChatMessageAssistant(content=list(_content(store, entry)))
    return EvalSample(
        id=unit.id,
        epoch=1,
        input=_asked(unit.inputs),
        target=_json(wanted) if wanted else "",
        messages=[reply],
        output=ModelOutput.from_message(reply),
        scores=scores,
        metadata=json.loads(
            _json({"kind": unit.kind, "seed": unit.seed, "settings": unit.settings, "inputs": unit.inputs})
        ),
        error=EvalError(message=valid(record.error), traceback="", traceback_ansi="")
        if record.status != "done"
        else None,
    )


def _asked(inputs: Mapping[str, Any]) -> str:
    """The prompt where it is a text, else all that went in, as JSON."""
    prompt = inputs.get("prompt", inputs)
    if isinstance(prompt, Mapping) and isinstance(prompt.get("text"), str):
        return valid(prompt["text"])
    return valid(prompt) if isinstance(prompt, str) else _json(prompt)


def _json(value: object, indent: int | None = None) -> str:
    """For people to read: with letters as they are, in UTF-8."""
    return valid(json.dumps(value, ensure_ascii=False, indent=indent))


def _content(store: RunReader, entry: Entry) -> Iterator[Any]:
    from inspect_ai.model import ContentImage, ContentText  # pyright: ignore[reportMissingImports]

    yield ContentText(text=_json(entry.record.payload, indent=1))
    for sha256 in entry.record.blobs.values():
        uri = base64.b64encode(store.open_blob(sha256)).decode("ascii")
        yield ContentImage(image=f"data:image/png;base64,{uri}")
