"""Where the meaning of a word is lost between being drawn and being told: one verdict from several studies."""
