"""What a frame holds, of whichever library it is."""

import pyarrow


def columns(frame: object) -> dict[str, list]:
    """Name -> values."""
    table = frame if isinstance(frame, pyarrow.Table) else pyarrow.Table.from_pandas(frame, preserve_index=False)
    return table.to_pydict()
