"""MMBench's table: pictures by ability, each once, whatever stands between them; bad rows by name."""

import base64
import csv
import io
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.mmbench_table import ABILITIES, COLUMNS, encoded, row, table
from unispect.core.errors import DataError, UsageError
from unispect.data import images
from unispect.data.mmbench import LONGEST, TYPES, BadRow, read_mmbench
from unispect.data.prompts import load_prompts, prompt_of

COLORS = ("red", "green", "blue", "yellow", "purple", "turquoise")


def test_six_abilities_and_the_pictures_themselves(tmp_path: Path):
    rows = [row(i, encoded(color), ability) for i, (color, ability) in enumerate(zip(COLORS, ABILITIES, strict=True))]
    prompts = load_prompts(f"mmbench:{table(tmp_path / 'dev.tsv', rows)}")
    assert [item.kind for item in prompts.items] == list(TYPES.values())
    assert {item.modality for item in prompts.items} == {"image"}
    for item, color in zip(prompts.items, COLORS, strict=True):
        (picture,) = prompt_of(item.inputs, item.locations).images
        assert picture.size == (8, 6)
        near = Image.new("RGB", (1, 1), color).getpixel((0, 0))
        assert all(abs(a - b) <= 4 for a, b in zip(picture.getpixel((3, 3)), near, strict=True))


def test_circular_rows_and_references_repeat_no_picture(tmp_path: Path):
    rows = [
        row(241, encoded("red")),
        row(1_000_241, encoded("red"), ABILITIES[1]),
        row(2_000_241, "241"),
        row(242, encoded("green")),
    ]
    prompts = load_prompts(f"mmbench:{table(tmp_path / 'dev.tsv', rows)}")
    assert [(item.id, item.kind) for item in prompts.items] == [
        ("picture 241", "attribute reasoning"),
        ("picture 242", "attribute reasoning"),
    ]
    assert prompts.skips == ()


def test_quoted_line_breaks_tabs_quotes_and_huge_values_do_not_shift_rows(tmp_path: Path):
    rows = [
        row(1, encoded("red"), question='A question\nof two lines\twith a tab and "quotes"'),
        row(2, encoded("green"), hint="x" * 1_000_000),
        row(3, encoded("blue"), question="Ein Bär\r\nbrummt \u2028 laut"),
        row(4, encoded("yellow", size=(900, 900), form="BMP")),
    ]
    file = table(tmp_path / "dev.tsv", rows)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    prompts = load_prompts(f"mmbench:{file}")
    assert [item.id for item in prompts.items] == [f"picture {i}" for i in (1, 2, 3, 4)]
    assert prompt_of(prompts.items[3].inputs, prompts.items[3].locations).images[0].size == (900, 900)
    assert prompt_of(prompts.items[2].inputs, prompts.items[2].locations).images[0].getpixel((2, 2))[2] > 240


def test_rows_are_streamed(tmp_path: Path):
    file = table(tmp_path / "dev.tsv", [row(i, encoded("red", size=(i + 1, 1))) for i in range(50)])
    rows = read_mmbench(file)
    first = next(rows)
    with file.open("ab") as stream:  # what is appended while reading is read: nothing was read ahead of the end
        writer = csv.DictWriter(
            io.TextIOWrapper(stream, "utf-8", newline="", write_through=True), COLUMNS, delimiter="\t"
        )
        writer.writerow(row(99, encoded("blue")))
    assert not isinstance(first, BadRow)
    assert [one.index for one in rows][-1] == "99"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(7, "not base64!"), "index 7: its picture is not base64"),
        (row(7, ""), "index 7: has no picture"),
        (row(7, encoded("red"), "sketch_reasoning"), "index 7: unknown l2-category 'sketch_reasoning'"),
        (row("", "??"), "row 3: its picture is not base64"),
    ],
)
def test_bad_rows_are_named_and_the_others_used(tmp_path: Path, bad, reason):
    file = table(tmp_path / "dev.tsv", [row(1, encoded("green")), bad, row(2, encoded("blue"))])
    prompts = load_prompts(f"mmbench:{file}")
    assert [item.id for item in prompts.items] == ["picture 1", "picture 2"]
    (skip,) = prompts.skips
    assert f"{skip.what}: {skip.reason}" == f"dev.tsv, {reason}"


def test_a_row_with_too_few_values_is_named(tmp_path: Path):
    file = table(tmp_path / "dev.tsv", [row(1, encoded("green"))])
    with file.open("a") as stream:
        stream.write("8\tcut off\n" + "\n")
    (skip,) = load_prompts(f"mmbench:{file}").skips
    assert f"{skip.what}: {skip.reason}" == "dev.tsv, index 8: has 2 values, the header 14"


def test_damaged_and_giant_pictures_are_left_out_by_name(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(images, "MOST_PIXELS", 1000)
    broken = base64.b64encode(b"\x89PNG\r\n\x1a\nrest").decode()
    rows = [row(1, broken), row(2, encoded("red", size=(100, 100))), row(3, encoded("blue"))]
    prompts = load_prompts(f"mmbench:{table(tmp_path / 'dev.tsv', rows)}")
    assert [item.id for item in prompts.items] == ["picture 3"]
    assert [skip.what for skip in prompts.skips] == ["dev.tsv, picture 1", "dev.tsv, picture 2"]
    assert "more than 1,000 pixels" in prompts.skips[1].reason


def test_a_limit_counts_pictures_that_can_be_used(tmp_path: Path):
    rows = [row(1, base64.b64encode(b"no picture").decode()), *(row(i, encoded(c)) for i, c in enumerate(COLORS, 2))]
    prompts = load_prompts(f"mmbench:{table(tmp_path / 'dev.tsv', rows)}", limit=2)
    assert [item.id for item in prompts.items] == ["picture 2", "picture 3"]


def test_a_value_beyond_all_measure_is_a_bad_row(tmp_path: Path, monkeypatch):
    assert csv.field_size_limit() >= 131072
    monkeypatch.setattr("unispect.data.mmbench.LONGEST", 200_000)
    old = csv.field_size_limit(200_000)
    try:
        rows = [row(1, encoded("green")), row(2, "A" * 300_000), row(3, encoded("blue"))]
        found = list(read_mmbench(table(tmp_path / "dev.tsv", rows)))
    finally:
        csv.field_size_limit(old)
    assert LONGEST > 10**7
    assert isinstance(found[1], BadRow)
    assert found[1].name == "row 3"
    assert "field larger than field limit" in found[1].reason
    assert [one.index for one in found if not isinstance(one, BadRow)] == ["1", "3"]


def test_other_splits_are_left_alone_and_bytes_that_are_no_text_named(tmp_path: Path):
    file = table(tmp_path / "dev.tsv", [row(1, encoded("green")), row(2, encoded("red"), split="test")])
    with file.open("ab") as stream:
        stream.write(b"\xff\xfe\tbad\n")
    prompts = load_prompts(f"mmbench:{file}")
    assert [item.id for item in prompts.items] == ["picture 1"]
    assert [(skip.what, skip.reason) for skip in prompts.skips] == [
        ("dev.tsv, row 4", "is not UTF-8 text"),
        ("1 rows of the split 'test'", "only the split 'dev' is read"),
    ]


def test_a_table_of_another_split_says_why_nothing_is_left(tmp_path: Path):
    file = table(tmp_path / "a.tsv", [row(1, encoded("green"), split="test"), row(2, encoded("red"), split="test")])
    with pytest.raises(
        UsageError, match=r"holds no prompts \(2 rows of the split 'test': only the split 'dev' is read"
    ):
        load_prompts(f"mmbench:{file}")


def test_a_reference_to_a_row_that_is_not_there_is_named(tmp_path: Path):
    rows = [row(1, "3"), row(2, encoded("green")), row(3, encoded("red")), row(4, "999"), row(5, "1")]
    prompts = load_prompts(f"mmbench:{table(tmp_path / 'dev.tsv', rows)}")
    assert [item.id for item in prompts.items] == ["picture 2", "picture 3"]
    assert [(skip.what, skip.reason) for skip in prompts.skips] == [
        ("dev.tsv, index 4", "its picture should be in the row with index 999, which has none or is not there"),
        ("dev.tsv, index 5", "its picture should be in the row with index 1, which has none or is not there"),
    ]


def test_rows_swallowed_by_a_quote_that_is_not_closed_are_counted(tmp_path: Path):
    rows = [row(i, encoded(color)) for i, color in enumerate(COLORS, 1)]
    rows[3] = row(4, encoded("yellow"), question='say "hi", and "no"')  # written in quotes, the first of which closes
    file = table(tmp_path / "dev.tsv", rows)
    file.write_text(file.read_text().replace("2\tWhat is it?", '2\t"What is it?'))
    prompts = load_prompts(f"mmbench:{file}")
    assert [item.id for item in prompts.items] == ["picture 1", "picture 5", "picture 6"]
    assert [(skip.what, skip.reason) for skip in prompts.skips] == [
        ("dev.tsv, row 3", "a quote that is not closed swallows 2 of the rows behind it")
    ]
    file.write_text(file.read_text().replace("5\tWhat is it?", '5\t"What is it?'))
    assert [skip.reason for skip in load_prompts(f"mmbench:{file}").skips][1].endswith(
        "swallows 1 of the rows behind it"
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_other_encodings_are_named(tmp_path: Path, encoding: str):
    file = table(tmp_path / "dev.tsv", [row(1, encoded("green"))])
    file.write_bytes(file.read_text("utf-8").encode(encoding))
    with pytest.raises(DataError, match=f"dev.tsv is not UTF-8 but {encoding.upper()} text"):
        load_prompts(f"mmbench:{file}")


def test_the_digest_does_not_depend_on_the_table_around_the_pictures(tmp_path: Path):
    one = table(tmp_path / "one.tsv", [row(1, encoded("green"))])
    other = table(tmp_path / "other.tsv", [row(5, encoded("green"), comment="longer " * 9)])
    asked = table(tmp_path / "asked.tsv", [row(1, encoded("green"), question="And what is this?")])
    digests = [load_prompts(f"mmbench:{file}").digest for file in (one, other, asked)]
    assert digests[0] == digests[1] != digests[2]


def test_a_picture_comes_with_what_its_first_row_asks(tmp_path: Path):
    rows = [
        row(1, encoded("green"), hint="Look at the leaf.", B="that", C="nan", D=""),
        row(2, encoded("green"), question="Which color?"),
        row(3, encoded("red"), question="", A=""),
    ]
    first, other = load_prompts(f"mmbench:{table(tmp_path / 'dev.tsv', rows)}").items
    assert first.question == "Look at the leaf.\nWhat is it?\nA. this\nB. that"
    assert other.question == ""


def test_a_table_that_changed_after_planning_is_refused(tmp_path: Path):
    file = table(tmp_path / "dev.tsv", [row(1, encoded("green")), row(2, encoded("red"))])
    items = load_prompts(f"mmbench:{file}").items
    table(file, [row(2, encoded("red"))])
    for item in items:
        with pytest.raises(DataError, match=r"dev.tsv was changed"):
            prompt_of(item.inputs, item.locations)


def test_what_is_no_table_is_refused_with_what_to_do(tmp_path: Path):
    with pytest.raises(DataError, match=r"lacks the columns image, l2-category of MMBench"):
        load_prompts(f"mmbench:{table(tmp_path / 'a.tsv', [], columns=('index', 'question'))}")
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(DataError, match="lacks the columns index, image, l2-category"):
        load_prompts(f"mmbench:{tmp_path / 'empty.tsv'}")
    with pytest.raises(DataError, match="is a folder; name the table"):
        load_prompts(f"mmbench:{tmp_path}")
    with pytest.raises(DataError, match="cannot read MMBench"):
        load_prompts(f"mmbench:{tmp_path / 'gone.tsv'}")
    with pytest.raises(UsageError, match=r"holds no prompts \(a.tsv, index 1: has no picture"):
        load_prompts(f"mmbench:{table(tmp_path / 'a.tsv', [row(1, '')])}")
    with pytest.raises(UsageError, match=r"did you mean 'mmbench:.*a.tsv'"):
        load_prompts(str(tmp_path / "a.tsv"))
