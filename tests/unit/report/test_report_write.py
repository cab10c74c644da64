import errno
import fcntl
import os
from pathlib import Path

import pytest

from unispect.core.errors import StoreError, UsageError
from unispect.report.write import write_page


def test_writes_utf8_and_makes_the_folder(tmp_path: Path):
    path = write_page("naïve 模型", tmp_path / "a" / "b" / "report.html")
    assert path.read_text("utf-8") == "naïve 模型"
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]


def test_replaces_an_older_report(tmp_path: Path):
    path = tmp_path / "report.html"
    write_page("old", path)
    write_page("new", path)
    assert path.read_text() == "new"


def test_a_folder_is_a_usage_error_that_says_what_to_write(tmp_path: Path):
    with pytest.raises(UsageError, match=r"is a folder; name the file to write, for instance .*report\.html"):
        write_page("x", tmp_path)


def test_a_path_through_a_file_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"cannot write the report .*file/report\.html: "):
        write_page("x", tmp_path / "file" / "report.html")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_keeps_the_older_report_and_leaves_nothing_behind(tmp_path: Path, monkeypatch, step: str):
    path = tmp_path / "report.html"
    write_page("old", path)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(StoreError, match="No space left on device; nothing was changed"):
        write_page("new", path)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("report.html", "old")]


def test_a_report_can_be_read_by_others_as_the_umask_says(tmp_path: Path):
    before = os.umask(0o027)
    try:
        path = write_page("x", tmp_path / "report.html")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_a_killed_process_left_goes_and_what_another_one_is_writing_stays(tmp_path):
    left, strange = tmp_path / ".page.html.abc.part", tmp_path / ".other.html.abc.part"
    written = tmp_path / ".page.html.xyz.part"
    for path in (left, strange, written):
        path.write_text("half a page")
    with written.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_page("page", tmp_path / "page.html")
        assert sorted(path.name for path in tmp_path.iterdir()) == [strange.name, written.name, "page.html"]
