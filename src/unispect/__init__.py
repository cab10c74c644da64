"""Inspects unified multimodal models: can it tell what it can draw, and do text and images live in one space?

What a program or a notebook needs stands here, and is imported when it is asked for (docs/python.md):

* `run` runs studies on models into a run folder and gives a `Run`, as `open` does of folders that are there: records as
  a frame, findings, charts, pictures, the report;
* `trajectory` measures a few prompts of one's own layer by layer, `aphasia` asks what a model draws and tells of words;
* `grade` has a judge grade a folder, `merge` makes one folder of several, `sections` and `write_report` read several at
  once, `open_run` gives every record of one;
* `load` gives a model to encode, draw, write, score and look into, which takes a `Prompt` for a `Goal` and samples as
  `ImageSampling` or `TextSampling` say;
* `all_studies` and `all_models` say what there is, `Options` what can be said about any study, `Preset` how states are
  measured;
* every error that is somebody's to mend is an `UnispectError`.

None of these names is a package of ours: `unispect.models` and `unispect.report` are.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unispect.api.aphasia import aphasia
    from unispect.api.opened import Run, open
    from unispect.api.running import run
    from unispect.api.trajectory import trajectory
    from unispect.core.errors import UnispectError
    from unispect.core.findings import Preset
    from unispect.core.prompts import Goal, Prompt
    from unispect.core.replies import ImageSampling, TextSampling
    from unispect.models.registry import cards as all_models
    from unispect.models.registry import load
    from unispect.runner.grading import grade
    from unispect.runner.reporting import sections, write_report
    from unispect.runs.merge import merge
    from unispect.runs.store import open_run
    from unispect.studies.base import Options
    from unispect.studies.registry import all_studies

__all__ = [
    "Goal",
    "ImageSampling",
    "Options",
    "Preset",
    "Prompt",
    "Run",
    "TextSampling",
    "UnispectError",
    "all_models",
    "all_studies",
    "aphasia",
    "grade",
    "load",
    "merge",
    "open",
    "open_run",
    "run",
    "sections",
    "trajectory",
    "write_report",
]

_HOMES = {
    "Goal": "unispect.core.prompts",
    "ImageSampling": "unispect.core.replies",
    "Options": "unispect.studies.base",
    "Preset": "unispect.core.findings",
    "Prompt": "unispect.core.prompts",
    "Run": "unispect.api.opened",
    "TextSampling": "unispect.core.replies",
    "UnispectError": "unispect.core.errors",
    "all_models": "unispect.models.registry:cards",
    "all_studies": "unispect.studies.registry",
    "aphasia": "unispect.api.aphasia",
    "grade": "unispect.runner.grading",
    "load": "unispect.models.registry",
    "merge": "unispect.runs.merge",
    "open": "unispect.api.opened",
    "open_run": "unispect.runs.store",
    "run": "unispect.api.running",
    "sections": "unispect.runner.reporting",
    "trajectory": "unispect.api.trajectory",
    "write_report": "unispect.runner.reporting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    from unispect.core.extras import told

    module, _, there = _HOMES[name].partition(":")
    with told():
        return getattr(import_module(module), there or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
