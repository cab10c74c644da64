"""Tables for LaTeX: whatever a text holds, LaTeX sets it and obeys none of it."""

import re

import pytest

from unispect.core.findings import Interval, Table
from unispect.report.latex import latex, table_latex

HOSTILE = '\\input{/etc/passwd} $x^2$ 50% #1 a_b ~ & {} <script> | "q" `c` \x1b[31m \u202e \n\\end{tabular}'
_SET = re.compile(
    r"\\(?:textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textquotedbl|textasciigrave)\{\}"
    r"|\\[{}$&#%_,]|\$-\$|\$\\times\$|\$\\infty\$|\$\^\{[-0-9]\}\$"
)


def test_nothing_of_a_hostile_text_is_obeyed():
    said = latex(HOSTILE)
    assert not set(_SET.sub("", said)) & set('\\{}$&#%_~^<>|"`\n\x1b\u202e⟨⟩')
    assert r"\textbackslash{}input\{/etc/passwd\}" in said
    assert "U+202E" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("−1.5", "$-$1.5"),
        ("1.2×10⁻⁵", r"1.2$\times$10$^{-}$$^{5}$"),
        ("a\\b", r"a\textbackslash{}b"),
        ("—", "---"),
        (" 12\u202f345 \t\u2003 pictures\n", r"12\,345 pictures"),
        ("no interval", "no interval"),
    ],
)
def test_what_a_text_becomes(text: str, said: str):
    assert latex(text) == said


def test_a_table_has_rules_an_interval_behind_its_estimate_and_as_many_cells_as_columns():
    table = Table("t", "A\ntitle%", ("model", "share"), (("[b]", Interval(0.5, 0.25, 0.75, 10, 10)), (HOSTILE, None)))
    lines = table_latex(table).splitlines()
    assert lines[0] == "% A title%"
    assert lines[1:4] == [r"\begin{tabular}{p{0.4\linewidth}r}", r"\toprule", r"{}model & share \\"]
    assert lines[5] == r"{}[b] & 0.50 [0.25, 0.75] \\"
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]
    assert len(lines) == 9, "a line for each row"
    for row in (lines[3], *lines[5:7]):
        assert len(re.findall(r"(?<!\\)&", row)) == 1
