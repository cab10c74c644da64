"""Made-up gradings of posters in the published schema, with stored counts that agree with their items."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WANTED = "a red kite should fly over the hill", "a dog should sit on the left", "the title should be yellow"
UNWANTED = ("a second moon should NOT be visible",)
STATUS = {"c": "CORRECT", "i": "INCORRECT", "m": "MISSING"}


def grading(posters: dict[str, tuple[str, str]], wanted: int = 3, unwanted: int = 1) -> dict[str, Any]:
    """A file. `posters`: id -> statuses of image and of text, a letter an item, wanted items first."""
    return {
        "metadata": {"model": "somebody/who-looks", "total_posters": len(posters)},
        "posters": {key: poster(key, *statuses, wanted, unwanted) for key, statuses in posters.items()},
    }


def poster(key: str, image: str, text: str, wanted: int = 3, unwanted: int = 1) -> dict[str, Any]:
    rubric = [*WANTED[:wanted], *UNWANTED[:unwanted]]
    parts, summary, inside = {}, {"total_requirements": len(rubric)}, {}
    for modality, letters in (("image", image), ("text", text)):
        assert len(letters) == len(rubric)
        sums = {
            name: letters.count(letter) for name, letter in (("correct", "c"), ("incorrect", "i"), ("missing", "m"))
        }
        sums |= {f"{name}_pct": round(100 * count / len(rubric), 1) for name, count in sums.items()}
        own, other = letters[:wanted], letters[wanted:]
        inside[modality] = {
            "positive_correct": own.count("c"),
            "positive_incorrect": own.count("i"),
            "positive_missing": own.count("m"),
            "negative_correct": other.count("c"),
            "negative_incorrect": other.count("i"),
        }
        verdicts = [
            {"requirement": one, "status": STATUS[letter], "explanation": "seen"}
            for one, letter in zip(rubric, letters, strict=True)
        ]
        parts[f"{modality}_fulfillment"] = {
            f"{modality}_fulfillment_analysis": verdicts[::-1],  # published lists are not in the rubric's order
            "scores": {**sums, "positive_negative_breakdown": inside[modality]},
        }
        summary |= {f"{modality}_{name}": value for name, value in sums.items()}
    counts = {"positive_rubric": wanted, "negative_rubric": unwanted}
    return {
        "poster_name": f"Film {key} (1999)",
        "poster_id": key,
        "text_description": f"A hill, film {key}.",
        "generated_image": f"generated/{key}.jpg",
        "positive_requirements": list(WANTED[:wanted]),
        "negative_requirements": list(UNWANTED[:unwanted]),
        **parts,
        "summary": {**summary, "positive_negative_breakdown": {**inside, "rubric_counts": counts}},
    }


def write(folder: Path, files: Sequence[Any]) -> Path:
    """`posters-1.json` and so on in `folder`; strings are written as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(files, 1):
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"posters-{number}.json").write_text(text, "utf-8")
    return folder


def two_gradings() -> list[Any]:
    """Poster 1 is drawn well and told badly, poster 2 has one omission in the image and one in the text."""
    return [
        grading({"1": ("cccc", "imci"), "2": ("ccmc", "mccc")}),
        grading({"1": ("cicc", "imci"), "2": ("ccmc", "mccc")}),
    ]
