"""Ray's actors instead of worker processes: the same records, also when actors and whole nodes die."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.helpers import fake_pool
from tests.helpers.fake_pool import carried_out, exported
from tests.helpers.fake_study import DRAWS, PLAN, FakeModel, run
from unispect.core.errors import UsageError
from unispect.engine import Summary, drive, execute
from unispect.engine.messages import Load
from unispect.engine.pool import TRIES, WorkerPool
from unispect.engine.ray import Actors
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.registry import find_study


@pytest.fixture(scope="module")
def ray():
    """Actors find what tests import."""
    pytest.importorskip("ray", reason="Ray is not installed (extra [ray])")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        yield


@pytest.fixture(scope="module")
def alone(ray, tmp_path_factory):
    """What one actor of a Ray that is started here leaves in a folder, and what it says of too much.

    Before there is a cluster: in a process in which another Ray ended, the actors of a cluster from before die.
    """
    folder = tmp_path_factory.mktemp("alone") / "run"
    assert spread(folder, fake_pool.plain, address="local", replicas=1).done == 120
    with pytest.raises(UsageError) as refused:
        Actors(fake_pool.plain, threads=4096)
    return folder, str(refused.value)


@pytest.fixture(scope="module")
def cluster(alone):
    """Of two cores and two GPUs, for all tests: each start of Ray takes seven processor seconds."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 2})
    yield made
    made.shutdown()


def spread(folder: Path, load: Load, *, address: str, replicas: int = 2, batch_size: int = 16) -> Summary:
    return carried_out(folder, Actors(load, address=address), replicas, batch_size)


def _on_gpus(count: int, number: int) -> object:
    from tests.helpers import gpu_pool  # in the actor alone: it changes torch for good

    return gpu_pool.loaded(count)


@pytest.fixture
def expected(tmp_path) -> bytes:
    with RunStore.create(tmp_path / "one") as store:
        execute(PLAN, run, store, FakeModel())
    return exported(tmp_path / "one")


@pytest.mark.slow
def test_records_do_not_depend_on_the_number_of_actors(alone, cluster, tmp_path, expected):
    assert exported(alone[0]) == expected
    assert spread(tmp_path / "run", fake_pool.plain, address=cluster.address, batch_size=7).done == 120
    assert exported(tmp_path / "run") == expected


@pytest.mark.slow
def test_actors_that_are_killed_are_replaced_and_a_unit_that_always_kills_is_given_up(cluster, tmp_path, expected):
    once, always = DRAWS[1].id, DRAWS[30].id
    notes = tmp_path / "notes"
    notes.mkdir()
    summary = spread(tmp_path / "run", partial(fake_pool.deadly, notes, frozenset({once}), 1), address=cluster.address)
    assert summary.done == 120
    assert exported(tmp_path / "run") == expected
    summary = spread(
        tmp_path / "worse", partial(fake_pool.deadly, notes, frozenset({always}), 99), address=cluster.address
    )
    assert (summary.done, summary.failed, summary.skipped) == (118, 1, 1)
    with RunStore.open(tmp_path / "worse") as store:
        entry = store.get(always)
    assert entry is not None
    assert entry.record.error.startswith(f"ended its worker {TRIES} times, the last as Ray says: ActorDied")


@pytest.mark.slow
@pytest.mark.nightly(
    "tests/unit/engine/test_ray.py::test_actors_that_are_killed_are_replaced_and_a_unit_that_always_kills_is_given_up"
)
def test_a_node_that_is_removed_takes_no_unit_with_it(cluster, tmp_path, expected):
    node = cluster.add_node(num_cpus=1)
    pool = WorkerPool(Actors(fake_pool.plain, address=cluster.address), 3)  # one of them on the node
    try:
        with RunStore.create(tmp_path / "run") as store:
            kept, seen = store.record, []

            def keep(records, replica=""):
                seen.extend(records)
                if node in cluster.worker_nodes and len(seen) > 20:
                    cluster.remove_node(node, allow_graceful=False)
                return kept(records, replica=replica)

            store.record = keep
            assert drive(PLAN, run, store, pool, batch_size=2).done == 120
        assert node not in cluster.worker_nodes
    finally:
        pool.close()
    assert exported(tmp_path / "run") == expected


@pytest.mark.slow
def test_a_model_is_spread_over_the_gpus_of_its_actor(cluster, tmp_path):
    study = find_study("encoding")
    for gpus in (1, 2):
        pool = WorkerPool(Actors(partial(_on_gpus, gpus), address=cluster.address, gpus=gpus), 1)
        try:
            plan = study.plan(pool.card, Options(data=None, limit=1, seeds=(0,)))
            with RunStore.create(tmp_path / f"run{gpus}") as store:
                assert drive(plan, study.run, store, pool).done == len(plan.units)
        finally:
            pool.close()
    assert exported(tmp_path / "run1") == exported(tmp_path / "run2")


@pytest.mark.slow
def test_more_than_the_machine_has_is_refused(alone):
    assert alone[1].startswith("a replica wants 4096 CPU, this machine has")


@pytest.mark.slow
def test_without_ray_the_engine_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'unispect\[ray\]'"):
        Actors(fake_pool.plain)


def test_the_engine_imports_ray_only_when_it_is_used():
    code = "import sys; import unispect.engine.ray, unispect.engine.processes; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
