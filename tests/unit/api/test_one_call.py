"""`trajectory`, `aphasia` and `run` in one call: the studies' own numbers, and errors that say what to do."""

from pathlib import Path

import pytest
from PIL import Image

import unispect
from tests.helpers.frames import columns
from unispect.api.trajectory import Trajectory
from unispect.core.errors import DataError, UsageError
from unispect.core.findings import Preset
from unispect.studies.encoding.traces import Trace

ORGANISM = "tiny-janus-pro-bound"
PROMPTS = ["plus red solid top left", "two\nlines\tand a tab", Image.new("RGB", (64, 64), "red")]


@pytest.fixture(scope="module")
def model() -> object:
    return unispect.load(ORGANISM)


@pytest.fixture(scope="module")
def made(model, tmp_path_factory: pytest.TempPathFactory) -> tuple[unispect.Run, object]:
    out = tmp_path_factory.mktemp("trajectory")
    found = unispect.trajectory(model, PROMPTS, preset="paper", out=out)
    return unispect.open(out / "run"), found


def test_a_trajectory_has_the_numbers_of_the_study(made) -> None:
    run, found = made
    frame, records = columns(found.frame()), columns(run.frame())
    studied = [
        list(row) for row, kind in zip(records["payload.content"], records["kind"], strict=True) if kind != "calibrate"
    ]
    layers = max(frame["layer"]) + 1
    measured = [frame["entropy"][at : at + layers] for at in range(0, len(frame["entropy"]), layers)]
    assert sorted(measured) == sorted(studied)
    assert set(frame["preset"]) == {"paper"}


def test_a_trajectory_names_prompts_as_they_were_given(made) -> None:
    _, found = made
    assert {(name, trace.goal) for name, trace in found.traces} == {
        *((text, goal) for text in PROMPTS[:2] for goal in ("text", "image")),
        ("picture 1", "text"),
    }
    assert "two lines and a tab" in repr(found)
    assert "<img" in found._repr_html_()
    panels = {name: [one.label for one in lines] for name, lines in found.figure.panels.items()}
    assert panels["before a picture"] == [PROMPTS[0], "two lines and a tab"]


@pytest.mark.parametrize(
    ("prompts", "how", "words"),
    [
        ([], {}, "name at least one prompt"),
        (["a", " "], {}, "a prompt is empty"),
        ([1], {}, "a text, a PIL picture or the path of one, not int"),
        (["a"], {"preset": "papr"}, "unknown preset 'papr'; there are paper and controlled"),
    ],
)
def test_what_is_no_prompt_is_said_before_anything_is_loaded(prompts, how, words) -> None:
    with pytest.raises(UsageError, match=words):
        unispect.trajectory("tiny-nobody", prompts, **how)


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"picture .*none\.png cannot be read"):
        unispect.trajectory(ORGANISM, tmp_path / "none.png")


def test_aphasia_says_word_by_word_what_the_study_found(model, tmp_path: Path) -> None:
    found = unispect.aphasia(model, limit=2, seeds=(0,), out=tmp_path / "run")
    frame = columns(found.frame())
    assert len(frame["word"]) == 5 * 22, "five lexicons of 22 words"
    section = next(one for one in unispect.sections(tmp_path / "run") if one.id == "concepts")
    table = next(one for one in section.tables if one.id == "aphasia")
    own_way = {"words never taught": "never", "real words": "real", "words taught both ways": "both"}
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    for cells in (row for row in rows if row["attribute"] == "all"):
        way = own_way.get(cells["words"], cells["words"].rpartition(" ")[2])
        at = [i for i, taught in enumerate(frame["taught"]) if taught == way]
        told = [frame["likely"][i] for i in at]
        drawn = [frame["drawn"][i] for i in at for _ in range(frame["drawings"][i])]
        assert sum(told) / len(told) == pytest.approx(cells["told"].estimate, abs=1e-9)
        assert sum(drawn) / len(drawn) == pytest.approx(cells["drawn"].estimate, abs=1e-9)
    few = unispect.aphasia(model, ["plus", "red"], limit=2, seeds=(0,), out=tmp_path / "run")
    assert set(columns(few.frame())["word"]) == {"plus", "red"}
    assert list(few.findings) == list(found.findings)
    assert "<b>plus</b>" in few._repr_html_()


def test_other_models_presets_and_prompts_in_the_same_folder(made, model, tmp_path: Path) -> None:
    run, found = made
    out = run.folder.parent
    measured = unispect.trajectory(model, PROMPTS, preset="controlled", out=out)
    other = unispect.trajectory("tiny-janus-pro-fluent", PROMPTS, preset="paper", out=out)
    again = unispect.trajectory(model, PROMPTS, preset="paper", out=out)
    assert {trace.preset for _, trace in measured.traces} == {"controlled"}
    assert other.model == "tiny-janus-pro-fluent"
    assert [trace.curve for _, trace in again.traces] == [trace.curve for _, trace in found.traces]
    with pytest.raises(UsageError, match="holds other prompts; name another folder"):
        unispect.trajectory(model, PROMPTS[:1], out=out)
    with pytest.raises(UsageError, match=r"tiny-\*-bound stands for 7 models; name one"):
        unispect.trajectory("tiny-*-bound", "a", out=tmp_path)


def test_words_of_one_model_beside_those_of_another(model, tmp_path: Path) -> None:
    alone = unispect.aphasia(model, limit=1, seeds=(0,), out=tmp_path / "run")
    other = unispect.aphasia("tiny-janus-pro-fluent", limit=1, seeds=(0,), out=tmp_path / "run")
    again = unispect.aphasia(model, limit=1, seeds=(0,), out=tmp_path / "run")
    assert other.model == "tiny-janus-pro-fluent"
    assert {word.model for word in other.words} == {"tiny-janus-pro-fluent"}
    assert again.words == alone.words
    assert {one.model for one in again.findings} <= {"", ORGANISM}


def test_a_word_that_nobody_was_taught(model) -> None:
    with pytest.raises(UsageError, match=rf"unknown word of {ORGANISM} 'pluss'; did you mean 'plus'"):
        unispect.aphasia(model, ["pluss"])


def test_a_run_goes_where_its_name_says(model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = unispect.run("drawing", model, limit=1, seeds=[0])
    assert run.folder == Path("runs") / f"{ORGANISM}-drawing"
    assert run.outcomes[0].units.done
    run.raise_failures()
    with pytest.raises(UsageError, match="name the run folder"):
        unispect.run(["drawing", "encoding"], model)
    with pytest.raises(UsageError, match="say limit either in options or beside them"):
        unispect.run("drawing", model, limit=1, options=unispect.Options())
    with pytest.raises(UsageError, match="unknown preset"):
        unispect.run("encoding", model, presets=["x"])


def test_a_model_takes_prompts_as_people_give_them(model) -> None:
    one = model.encode("a red star", "image")
    same = model.encode([unispect.Prompt.of("a red star")], unispect.Goal.IMAGE)
    assert one.segments == same.segments
    with pytest.raises(UsageError, match="a prompt is a Prompt, a text or a picture, not int"):
        model.encode([1], "text")
    with pytest.raises(UsageError, match="a goal is 'text' or 'image', not 'picture'"):
        model.encode("a", "picture")
    with pytest.raises(UsageError, match="encode the prompts first"):
        model.states("a red star")
    assert ORGANISM in repr(model)
    assert "planted" not in model._repr_html_()
    assert "shipped with unispect" in model._repr_html_()


class Kernel:
    kernel = object()


def test_bars_in_a_notebook_tell_how_far_it_is(model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A kernel's bars are those of tqdm, here without widgets."""
    import sys
    from types import SimpleNamespace

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: Kernel(), version_info=(9, 0)))
    from unispect.api import progress

    assert progress.in_notebook()
    bars = progress.Bars()
    with bars.watching("drawing") as bar:
        bar.begin("stage 1 of 1", 4, 1)
        bar.advance("draw", {"done": 2, "failed": 1})
    said = capsys.readouterr().err
    assert "drawing, stage 1 of 1" in said
    assert "4/4" in said
    assert "1 failed" in said


def test_lines_of_equal_labels_are_numbered_apart() -> None:
    trace = Trace("m", Preset.PAPER, "text", "text", "g", "p", 5, 9, 1, (1.0, 2.0), "", {})
    long = "word " * 20
    names = ["same", "same", "same (2)", long + "one", long + "two", "same"]
    (lines,) = Trajectory("m", Preset.PAPER, [(name, trace) for name in names]).figure.panels.values()
    labels = [line.label for line in lines]
    assert len(set(labels)) == len(labels)
    assert labels[:3] == ["same", "same (2)", "same (2) (2)"]
    assert labels[4] == f"{labels[3]} (2)"
    assert labels[5] == "same (3)"
