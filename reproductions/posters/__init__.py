"""The published gradings of posters, recomputed: `python -m reproductions.posters FOLDER`."""
