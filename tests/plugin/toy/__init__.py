"""A study that lives in another package: does a model answer questions with yes or no?

Nothing here is known to unispect but through `entry_points.txt`.
"""

from toy.source import questions
from unispect.studies.base import RULES, Study, later

study = Study(
    name="toy",
    version=1,
    question="Does the model answer questions with yes or no?",
    plan=later("toy.plan:plan"),
    procedures=later("toy.run:procedures"),
    view=later("toy.view:view"),
    judges={RULES: later("toy.judge:judge"), "strict": later("toy.judge:strict")},
    sections=(later("toy.view:beside_others"),),
    prompts=True,
    parts=True,
)

__all__ = ["questions", "study"]
