"""Table 1 of arXiv 2604.10949, held to what was stated of it: `python -m reproductions.table_1`."""
