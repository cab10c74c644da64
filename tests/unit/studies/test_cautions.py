"""A report counts the prompts that were cut, model by model, and says where records were made in several precisions."""

from unispect.core.units import Entry, Made, Record, Unit
from unispect.studies.cautions import cautions, pictures_asked_for

MANY = {"tokens": 12, "read": "same"}


def entry(prompt: object, cut: object = None, made: Made | None = None, model: str = "tiny@1", seed: int = 0) -> Entry:
    unit = Unit("drawing", 1, "draw", model, {"prompt": prompt}, {}, seed)  # type: ignore[dict-item]
    return Entry(unit, Record(unit.id, {} if cut is None else {"cut": cut}, made=made))  # type: ignore[dict-item]


def test_nothing_is_said_where_all_was_read():
    assert cautions([]) == ()
    assert cautions([entry({"text": "a"}), entry({"text": "b"}, made=Made("x", 3, "cpu", "float32"))]) == ()


def test_cut_prompts_are_counted_by_model_and_equal_ones_named():
    entries = [
        *(entry({"text": text}, MANY, seed=seed) for text in ("one", "two") for seed in (0, 1)),
        entry({"text": "three"}, {"tokens": 1, "read": "another"}),
        entry({"text": "short"}),
        entry({"text": "one"}, MANY, model="other@2"),
    ]
    assert cautions(entries) == (
        "tiny read only the beginning of 3 prompts (5 records): 1 to 12 tokens at the end were left out, so the "
        "replies are to a part of what was asked.",
        "tiny: 2 different prompts became 1 input when they were cut; their replies are no independent observations.",
        "other read only the beginning of 1 prompt (1 record): 12 tokens at the end were left out, so the replies are "
        "to a part of what was asked.",
    )


def test_precisions_that_are_mixed_are_named():
    made = [Made("x", 1, "cpu", "float32"), Made("y", 16, "cpu", "float32"), Made("z", 16, "cuda", "bfloat16"), None]
    assert cautions([entry(str(number), made=one) for number, one in enumerate(made)]) == (
        "Records of tiny were made in several ways: 1 in bfloat16 on cuda, 2 in float32 on cpu. They may differ by "
        "that alone.",
    )


def test_texts_for_pictures_are_found_in_every_kind_of_unit():
    units = [
        Unit("drawing", 1, "draw", "m", {"prompt": {"text": "a"}}),
        Unit("concepts", 1, "paper-draw", "m", {"prompt": "b"}),
        Unit("encoding", 1, "trajectory", "m", {"prompt": {"text": "c"}}, {"goal": "image"}),
        Unit("encoding", 1, "trajectory", "m", {"prompt": {"text": "d"}}, {"goal": "text"}),
        Unit("concepts", 1, "recall", "m", {"prompt": "e"}),
        Unit("encoding", 1, "trajectory", "m", {"prompt": {"image": "f.png"}}, {"goal": "image"}),
    ]
    assert [prompt.text for prompt in pictures_asked_for([*units, *units]).values()] == ["a", "b", "c"]
