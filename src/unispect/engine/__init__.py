"""The loops over units: how a study's plan is carried out and its records graded. Knows no study.

Only `replicas` looks up a model, by its name, for the processes that hold it.
"""

from unispect.engine.driver import drive
from unispect.engine.grading import grade
from unispect.engine.local import execute
from unispect.engine.progress import Progress, Silent, Summary

__all__ = ["Progress", "Silent", "Summary", "drive", "execute", "grade"]
