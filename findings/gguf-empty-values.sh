#!/usr/bin/env bash
# Library: gguf 0.19.0.
#
# Behaviour: `GGUFWriter.add_array(key, [])` and `add_string(key, "")` write nothing: no key, no error, no warning. The format has
# both, `add_key_value` writes either, and `GGUFReader` reads them back. So a tokenizer of bytes alone, whose list of merges is empty,
# comes out without the key, as if nobody had asked for it. Other empty-looking values (0, False, an array of empty strings) are kept.
#
# Source: gguf/gguf_writer.py, `GGUFWriter.add_array`: `if len(val) == 0: return`; `add_string`: `if not val: return`.
#
# Output seen:
#   add_array []: no such key
#   add_string "": no such key
#   add_key_value "": ''
#   add_array [""]: ['']
#   add_uint32 0: 0
#   add_bool False: False
#
# Guess: an empty array is written and read back empty (noted before the first run, without having read the code). Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq gguf==0.19.0 numpy==2.4.6

"$folder/venv/bin/python" - "$folder/file.gguf" <<'PYTHON'
import sys

from gguf import GGUFReader, GGUFValueType, GGUFWriter

WRITTEN = {
    "add_array []": lambda writer, key: writer.add_array(key, []),
    'add_string ""': lambda writer, key: writer.add_string(key, ""),
    'add_key_value ""': lambda writer, key: writer.add_key_value(key, "", GGUFValueType.STRING),
    'add_array [""]': lambda writer, key: writer.add_array(key, [""]),
    "add_uint32 0": lambda writer, key: writer.add_uint32(key, 0),
    "add_bool False": lambda writer, key: writer.add_bool(key, False),
}
EXPECTED = ["no such key", "no such key", "''", "['']", "0", "False"]

writer = GGUFWriter(sys.argv[1], "llama")
keys = [f"key.{number}" for number in range(len(WRITTEN))]
for key, write in zip(keys, WRITTEN.values(), strict=True):
    write(writer, key)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

fields = GGUFReader(sys.argv[1]).fields
seen = [repr(fields[key].contents()) if key in fields else "no such key" for key in keys]
for name, what in zip(WRITTEN, seen, strict=True):
    print(f"{name}: {what}")
if seen != EXPECTED:
    sys.exit("changed: gguf no longer does what the head of this script says")
PYTHON
