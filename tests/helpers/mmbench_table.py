"""Tables in the schema of MMBench."""

import base64
import csv
import io
from pathlib import Path

from PIL import Image

from unispect.data.mmbench import TYPES

COLUMNS = ("index", "question", "hint", "A", "B", "C", "D", "answer", "category", "image", "source", "l2-category")
COLUMNS += ("comment", "split")
ABILITIES = list(TYPES)


def encoded(color, size=(8, 6), form="JPEG") -> str:
    content = io.BytesIO()
    Image.new("RGB", size, color).save(content, format=form)
    return base64.b64encode(content.getvalue()).decode()


def row(index, image, ability=ABILITIES[0], **more):
    values = {"index": index, "question": "What is it?", "A": "this", "answer": "A", "image": image, "split": "dev"}
    return {**dict.fromkeys(COLUMNS, ""), **values, "l2-category": ability, **more}


def table(file: Path, rows, columns=COLUMNS) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, delimiter="\t", lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return file
