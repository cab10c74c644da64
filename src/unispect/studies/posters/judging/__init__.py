"""Replies of the posters study, graded by a chat model: units of their own, carried out by the judge."""
