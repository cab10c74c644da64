"""What `import unispect` brings, and what it leaves to be imported later."""

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import unispect


def test_every_name_is_there_and_none_is_a_package() -> None:
    for name in unispect.__all__:
        assert getattr(unispect, name).__module__.startswith("unispect.")
        assert name in dir(unispect)
    for module in ("unispect.runner.reporting", "unispect.models.registry", "unispect.studies.registry"):
        import_module(module)  # which sets the packages' names on ours
    packages = {module.name for module in pkgutil.iter_modules(unispect.__path__)}
    assert not packages & set(unispect.__all__)


def test_a_name_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(AttributeError, match=r"'laod'; it has Goal, .*load"):
        unispect.laod  # type: ignore[attr-defined]  # noqa: B018


def test_importing_it_imports_nothing_else() -> None:
    code = (
        "import sys; import unispect; print([name for name in sys.modules if name.startswith(('unispect.', 'numpy'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_what_there_is_is_named_without_torch() -> None:
    code = (
        "import sys; import unispect; unispect.all_studies(); unispect.all_models(); unispect.run; unispect.grade;"
        "unispect.write_report; import unispect.core.encoded; assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
