#!/usr/bin/env bash
# Library: httpx2 2.16.2.
#
# Behaviour: the items of one response's headers cannot make another response where a value holds a byte above 0x7F. Reading
# falls back to Latin-1, so `items()`, `multi_items()` and `dict(headers)` give text; writing encodes text as ASCII, so
# `Response(200, headers=...)` raises UnicodeEncodeError on the text that was just read. `headers.raw`, or the `Headers` object
# itself, goes through. Servers do send such values, most often the file name in Content-Disposition.
#
# Source: httpx2/_models.py: `Headers.encoding` tries "ascii", "utf-8" and "iso-8859-1" in turn to read;
# `_normalize_header_value` writes with "ascii" where no encoding is given, and `Response` takes none for headers. An adapter
# has met it on real responses: issue 28 of karpetrosyan/httpx-aiohttp.
#
# Output seen:
#   read: attachment; filename="für.pdf" (iso-8859-1)
#   again from items(): UnicodeEncodeError
#   again from multi_items(): UnicodeEncodeError
#   again from dict(): UnicodeEncodeError
#   again from raw: the same bytes
#   again from Headers: the same bytes
#
# Guess: what the library read it can write again, by the fallback that it reads with. Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq httpx2==2.16.2

PYTHONIOENCODING=utf-8 "$folder/venv/bin/python" - <<'PYTHON'
import sys

import httpx2

EXPECTED = {
    "items()": "UnicodeEncodeError",
    "multi_items()": "UnicodeEncodeError",
    "dict()": "UnicodeEncodeError",
    "raw": "the same bytes",
    "Headers": "the same bytes",
}

value = 'attachment; filename="für.pdf"'.encode("latin-1")
first = httpx2.Response(200, headers=[(b"Content-Disposition", value)]).headers
print(f"read: {first['content-disposition']} ({first.encoding})")

seen = {}
for name, headers in {
    "items()": list(first.items()),
    "multi_items()": first.multi_items(),
    "dict()": dict(first),
    "raw": first.raw,
    "Headers": first,
}.items():
    try:
        same = httpx2.Response(200, headers=headers).headers.raw == first.raw
        seen[name] = "the same bytes" if same else "other bytes"
    except UnicodeEncodeError:
        seen[name] = "UnicodeEncodeError"
    print(f"again from {name}: {seen[name]}")
if first.encoding != "iso-8859-1" or seen != EXPECTED:
    sys.exit("changed: httpx2 no longer does what the head of this script says")
PYTHON
