"""What a unit is depends on what data are, never on where they lie or how that is spelled."""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.mmbench_table import encoded, row, table
from tests.helpers.planted_states import CARD
from unispect.core.cards import ModelCard
from unispect.core.errors import DataError
from unispect.core.shards import shard
from unispect.core.typed import read_inputs
from unispect.core.units import Plan, Unit, texts_in
from unispect.data.faces.photographs import METADATA
from unispect.data.locations import picture_from
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.drawing import plan as drawing
from unispect.studies.encoding import plan as encoding
from unispect.studies.faces import plan as faces
from unispect.studies.posters import plan as posters
from unispect.studies.response import plan as response
from unispect.studies.states.records import Asked, prompt_in

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")


def pictures(folder: Path) -> str:
    for number, colour in enumerate(COLOURS):
        path = folder / ("cats" if number % 3 else "") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), colour).save(path)
    return f"images:{folder}"


def tables(folder: Path) -> str:
    folder.mkdir(parents=True)
    longer = "longer " * len(str(folder))  # so that the rows stand at other bytes
    rows = [row(0, "no picture", comment=longer), *(row(i, encoded(one)) for i, one in enumerate(COLOURS, 1))]
    return f"mmbench:{table(folder / 'dev.tsv', rows)}"


def lines(folder: Path) -> tuple[str, str]:
    folder.mkdir(parents=True)
    for name in ("a", "b"):
        (folder / f"{name}.txt").write_text("".join(f"{name} {colour}\n" for colour in COLOURS))
    return f"text:{folder / 'a.txt'}", f"text:{folder / 'b.txt'}"


def twice(folder: Path) -> tuple[str, str]:
    """Two folders of one name, whose files have the same names."""
    first, second = folder / "one" / "photos", folder / "two" / "photos"
    pictures(first)
    for number, colour in enumerate(COLOURS):
        second.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9), colour).save(second / f"{number}.png")
    return f"images:{first}", f"images:{second}"


def photographs(folder: Path) -> str:
    pictures(folder)
    about = {"eye_color": "dark_brown", "hair_color": "gray_white", "hair_style": "long_wavy", "accessories": "none"}
    found = [
        {"image_name": f"{n}.png", "attributes": {"gender": "male", "name": f"Somebody {n}", **about}} for n in (0, 3)
    ]
    (folder / METADATA).write_text(json.dumps({"generated_faces": found}))
    return f"photos:{folder}"


def subjects(folder: Path) -> str:
    pictures(folder)
    (folder / "subjects.yaml").write_text(
        "- {title: A, year: 1990, image: 0.png}\n- {title: B, year: 1991, image: 3.png}\n"
    )
    return str(folder / "subjects.yaml")


CASES = [
    *[(study, make) for study in (encoding, response) for make in (pictures, tables, lines, twice)],
    (drawing, lines),
    (faces, photographs),
    (posters, subjects),
]


def card(study: object) -> ModelCard:
    capabilities = {*CARD.capabilities, "draw", "write", "see", "score"}
    return (
        CARD if study in (encoding, response) else ModelCard(**{**vars(CARD), "capabilities": frozenset(capabilities)})
    )


def planned(study: object, data: str | tuple[str, ...]) -> Plan:
    return study.plan(card(study), Options(data=data, seeds=(0, 1)))  # pyright: ignore[reportAttributeAccessIssue]


def ids(plan: Plan) -> list[list[str]]:
    return [[unit.id for unit in stage] for stage in plan.stages]


@pytest.mark.parametrize(("study", "make"), CASES, ids=lambda one: one.__name__.removeprefix("unispect.studies."))
def test_units_are_the_same_wherever_data_lie(study, make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "a host" / "data"
    data = make(here)
    first = ids(planned(study, data))
    assert sum(map(len, first)) > 3

    def moved(to: str) -> str | tuple[str, ...]:
        return data.replace(str(here), to) if isinstance(data, str) else tuple(d.replace(str(here), to) for d in data)

    monkeypatch.chdir(here.parent)
    assert ids(planned(study, moved("data"))) == first  # a relative path
    assert ids(planned(study, moved("../a host/data"))) == first  # and another way there
    (tmp_path / "link").symlink_to(here)
    assert ids(planned(study, moved(str(tmp_path / "link")))) == first
    monkeypatch.setenv("HOME", str(tmp_path / "a host"))
    assert ids(planned(study, moved("~/data"))) == first
    shutil.copytree(here, tmp_path / "elsewhere" / "called otherwise")
    shutil.rmtree(here)
    assert ids(planned(study, moved(str(tmp_path / "elsewhere" / "called otherwise")))) == first


def test_a_row_may_stand_at_another_byte(tmp_path: Path) -> None:
    first = ids(planned(encoding, tables(tmp_path / "short")))
    assert ids(planned(encoding, tables(tmp_path / "in a much longer place"))) == first


@pytest.mark.parametrize("study", [encoding, response])
@pytest.mark.parametrize("make", [pictures, tables])
def test_parts_from_two_hosts_make_up_the_whole(study, make, tmp_path: Path) -> None:
    hosts = [planned(study, make(tmp_path / host / "data")) for host in ("one", "other")]
    parts = [part for number, plan in enumerate(hosts, 1) if (part := shard(plan, number, 2))]
    whole = {unit.id for unit in hosts[0].units}
    assert {unit.id for part in parts for unit in part.units} == whole
    counted = [unit.id for part in parts for unit in part.units if unit.kind != "calibrate"]
    assert len(set(counted)) == len(counted)


@pytest.mark.parametrize(("study", "make"), CASES, ids=lambda one: one.__name__.removeprefix("unispect.studies."))
def test_nothing_that_is_kept_names_a_place(study, make, tmp_path: Path) -> None:
    plan = planned(study, make(tmp_path / "somewhere"))
    assert pickle.loads(pickle.dumps(plan.units)) == plan.units  # as workers get them
    with RunStore.create(tmp_path / "run") as store:
        store.plan(plan.units)
        kept = store.pending()
    assert [unit.id for unit in kept] == [unit.id for unit in plan.units]
    said = [text for unit in kept for text in texts_in([unit.inputs, unit.settings])]
    assert said
    assert not [text for text in said if "somewhere" in text or os.sep in text.replace("cats/", "")]


@pytest.mark.parametrize("make", [pictures, tables, twice])
def test_every_unit_knows_where_its_pictures_lie(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in another process, and in another working directory than it was planned in."""
    monkeypatch.chdir(tmp_path)
    data = make(tmp_path / "data")
    relative = (
        data.replace(f"{tmp_path}/", "")
        if isinstance(data, str)
        else tuple(one.replace(f"{tmp_path}/", "") for one in data)
    )
    (tmp_path / "other").mkdir()
    for study in (encoding, response):
        units: tuple[Unit, ...] = pickle.loads(pickle.dumps(planned(study, relative).units))
        monkeypatch.chdir(tmp_path / "other")
        for unit in units:
            named = [text for text in texts_in(unit.inputs) if len(text) == 64]
            assert named
            for sha256 in named:
                assert picture_from(sha256, unit.locations).width in (8, 9)
            if "prompt" in unit.inputs:
                assert prompt_in(read_inputs(Asked, unit), unit.locations).images
        monkeypatch.chdir(tmp_path)


def test_a_unit_read_from_a_run_says_what_it_lacks(tmp_path: Path) -> None:
    (unit, *_) = planned(encoding, pictures(tmp_path / "data")).units
    with RunStore.create(tmp_path / "run") as store:
        store.plan([unit])
        (kept,) = store.pending()
    with pytest.raises(DataError, match="plan its unit from its data"):
        prompt_in(read_inputs(Asked, kept), kept.locations)


def test_loose_pictures_of_several_folders_are_kinds_of_their_own(tmp_path: Path) -> None:
    for name, colour in (("cats", "red"), ("dogs", "blue")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8), colour).save(tmp_path / name / "1.png")
    both = planned(encoding, tuple(f"images:{tmp_path / name}" for name in ("cats", "dogs")))
    assert {(unit.inputs["id"], unit.inputs["group"]) for unit in both.stages[1]} == {
        ("1.png", "cats"),
        ("1.png (source 2)", "dogs"),
    }
