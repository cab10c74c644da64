"""What GenEval's official scorer says of exported pictures, kept as grades of the records that they came from.

A picture is known by its SHA-256 and its prompt's place, never by its number in the folder: which picture is the
second of a prompt changes when a run goes on after it was exported.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

from unispect.core.errors import DataError, OutsideError, UsageError
from unispect.core.outside import parse_json, regular_bytes
from unispect.core.typed import Misread, read_grade, to_json
from unispect.core.units import Entry, Grade
from unispect.data.json_lines import Row, json_rows
from unispect.data.published import file_of
from unispect.engine.progress import Summary
from unispect.runner.grading import Graded
from unispect.runs import Invocation, RunStore
from unispect.runs.completeness import lacking
from unispect.runs.geneval import KEY, drawn, folder_name
from unispect.runs.manifest import running
from unispect.studies.drawing.records import GENEVAL, Scored

LARGEST = 2**27
"""Bytes of a picture."""
NAMED = re.compile(r"(?:^|/)(\d{1,9})/samples/\d+\.png$")
"""The end of a file's name as the scorer writes it: the prompt's place, and the picture."""

T = TypeVar("T")
_Known = Mapping[tuple[int, str], list[Entry]]
"""Place of the prompt and SHA-256 of the picture -> the records, by seed; several where the very same was drawn."""


class _Result(NamedTuple):
    """A line of the results: where it stands, the picture's name, its prompt's place, and what was said."""

    where: str
    filename: str
    number: int
    said: Scored
    metadata: Any


def grade_by_results(
    run: str | Path, results: Path, *, pictures: Path | None = None, command: Sequence[str] = ()
) -> Graded:
    """Keeps the results of GenEval's scorer as grades of the judge "geneval", all or none.

    A results file may cover a part of the pictures; what it leaves out counts as skipped.

    Args:
        run: its folder.
        results: the scorer's file, a JSON object a line with `filename`, `tag`, `prompt`, `correct`, `reason` and
            `metadata` (the prompt's object as JSON text).
        pictures: the folder that was exported and scored; default: where the results say that the pictures lie.
        command: for the folder's own record; default: the program that is running.

    Raises:
        UsageError: the run holds no pictures of GenEval prompts, or was graded otherwise before.
        DataError: a line is not of that form, or says something of a picture or a prompt that this run does not hold.
        StoreError: the folder is damaged, in use or moved.
    """
    started = time.perf_counter()
    found = [_result(row) for row in json_rows(results, "results from")]
    if not found:
        raise DataError(f"{results} holds no results")
    with RunStore.open(Path(run), "w") as store:
        known = _by_picture(entry for prompts in drawn(store).values() for one in prompts.values() for entry in one)
        said = _said(_once(found), known, pictures)
        already = sum(_stood_before(result, entry) for result, entry in said.values())
        digest = file_of(results)
        about = {"judge": GENEVAL, "results (SHA-256)": f"{digest.name} {digest.sha256}"}
        store.add_invocation(Invocation(tuple(command) or running(), settings=about))
        new = store.grade([Grade(unit, GENEVAL, to_json(result.said)) for unit, (result, _) in said.items()])
        total = len({entry.unit.id for entries in known.values() for entry in entries})
        seconds = time.perf_counter() - started
        summary = Summary(new, 0, total - len(said), already, seconds, {})
        return Graded((("pictures", summary),), lacking([store]))


def _once(results: list[_Result]) -> list[_Result]:
    """One result for each name of a picture, by name.

    Raises:
        DataError: two of one name differ.
    """
    found: dict[str, _Result] = {}
    for result in results:
        before = found.setdefault(result.filename, result)
        if before.said != result.said:
            raise DataError(f"{result.where} says otherwise than {before.where} of {result.filename!r:.200}")
    return [found[name] for name in sorted(found)]


def _said(results: list[_Result], known: _Known, pictures: Path | None) -> dict[str, tuple[_Result, Entry]]:
    """Unit -> the result of its picture; of equal pictures of a prompt the first name is that of the first seed."""
    said: dict[str, tuple[_Result, Entry]] = {}
    for result in results:
        meant = _meant(result, known, pictures)
        entry = next((entry for entry in meant if entry.unit.id not in said), None)
        if entry is None:
            raise DataError(
                f"{result.where}: {result.filename!r:.200} is one more copy of a picture than this run drew"
            )
        said[entry.unit.id] = (result, entry)
    return said


def _by_picture(entries: Iterator[Entry]) -> _Known:
    known: dict[tuple[int, str], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.unit.seed):
        (sha256,) = entry.record.blobs.values()
        known.setdefault((_about(entry)["index"], sha256), []).append(entry)
    return known


def _about(entry: Entry) -> Mapping[str, Any]:
    prompt: Any = entry.unit.inputs["prompt"]
    return prompt[KEY]


def _meant(result: _Result, known: _Known, pictures: Path | None) -> list[Entry]:
    """The records of one model whose picture a result is about.

    Raises:
        DataError: the picture cannot be found, is none of this run or of several models, or is of another prompt.
    """
    file = _place(result, pictures)
    entries = known.get((result.number, hashlib.sha256(regular_bytes(file, limit=LARGEST, what="picture")).hexdigest()))
    if not entries:
        raise DataError(
            f"{result.where}: 'filename' {result.filename!r:.200} is no picture that this run drew of prompt "
            f"{result.number:05} ({file}); score the folder that was exported from this run"
        )
    for entry in entries:
        if (own := _about(entry).get("metadata")) != result.metadata:
            raise DataError(
                f"{result.where}: 'metadata' is not the object of prompt {result.number:05} in this run; it says "
                f"{result.metadata!r:.120}, not {own!r:.120}"
            )
    named = result.filename.split("/")[-4:-3]
    own = [entry for entry in entries if folder_name(entry.unit.model) in named] or entries
    if len({entry.unit.model for entry in own}) > 1:
        raise DataError(
            f"{result.where}: several models drew the very picture {result.filename!r:.200}; score each model's folder "
            "under the name that it was exported by"
        )
    return own


def _place(result: _Result, pictures: Path | None) -> Path:
    """The picture's file: where the results say, or the same end of its name below the folder."""
    named = PurePosixPath(result.filename)
    places = [Path(named)] if pictures is None else [pictures.joinpath(*named.parts[-n:]) for n in (3, 4)]
    if there := next((place for place in places if place.is_file()), None):
        return there
    hint = "name the exported folder with --pictures" if pictures is None else "is it the folder that was scored?"
    raise DataError(f"{result.where}: no picture {places[0]}; {hint}")


def _stood_before(result: _Result, entry: Entry) -> bool:
    """Whether the judge said the same before.

    Raises:
        UsageError: it said something else.
    """
    if GENEVAL not in entry.grades:
        return False
    try:
        before = read_grade(Scored, entry.grades[GENEVAL])
    except Misread as odd:
        raise UsageError(f"{odd}; these results cannot be held to it") from odd
    if before != result.said:
        raise UsageError(
            f"{result.where}: of {result.filename!r:.200} the judge {GENEVAL} said {before.correct} before and "
            f"{result.said.correct} now ({result.said.reason or 'no reason'}); a judge's first word stands"
        )
    return True


def _result(row: Row) -> _Result:
    filename, prompt = _of(str, row, "filename"), _of(str, row, "prompt")
    named = NAMED.search(filename.replace("\\", "/"))
    if not named:
        raise DataError(
            f"{row.where}: 'filename' {filename!r:.200} does not end in 00000/samples/0000.png, as GenEval's do"
        )
    try:
        metadata = parse_json(_of(str, row, "metadata"), f"{row.where}: 'metadata'")
    except OutsideError as error:
        raise DataError(str(error)) from error
    for key, said in (("prompt", prompt), ("tag", _of(str, row, "tag"))):
        if not isinstance(metadata, dict) or metadata.get(key) != said:
            raise DataError(f"{row.where}: {key!r} is {said!r:.120}, and 'metadata' says otherwise")
    said = Scored(correct=_of(bool, row, "correct"), reason=_of(str, row, "reason"))
    return _Result(row.where, filename.replace("\\", "/"), int(named[1]), said, metadata)


def _of(kind: type[T], row: Row, key: str) -> T:
    value = row.fields.get(key)
    if not isinstance(value, kind):
        words = {str: "a text", bool: "true or false"}[kind]  # type: ignore[index]
        raise DataError(f"{row.where}: {key!r} must be {words}, not {value!r:.60}")
    return value
