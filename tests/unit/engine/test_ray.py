"""Ray's actors instead of worker processes: the same records, also when actors and whole nodes die."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import fake_pool
import pytest
from fake_pool import carried_out, exported
from fake_study import DRAWS, PLAN, FakeModel, run

from unispect.core.errors import UsageError
from unispect.engine import Summary, drive, execute
from unispect.engine.messages import Load
from unispect.engine.pool import TRIES, WorkerPool
from unispect.engine.ray import Actors
from unispect.runs import RunStore
from unispect.studies.base import Options
from unispect.studies.registry import find_study


@pytest.fixture
def ray(monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed (extra [ray])")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(fake_pool.__file__).parent), *sys.path]))


def spread(folder: Path, load: Load, *, replicas: int = 2, batch_size: int = 16) -> Summary:
    return carried_out(folder, Actors(load), replicas, batch_size)


def _on_gpus(count: int, number: int) -> object:
    import gpu_pool  # in the actor alone: it changes torch for good

    return gpu_pool.loaded(count)


@pytest.fixture
def expected(tmp_path) -> bytes:
    with RunStore.create(tmp_path / "one") as store:
        execute(PLAN, run, store, FakeModel())
    return exported(tmp_path / "one")


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_records_do_not_depend_on_the_number_of_actors(tmp_path, expected):
    for replicas, batch_size in ((1, 16), (2, 7)):
        folder = tmp_path / f"run{replicas}"
        assert spread(folder, fake_pool.plain, replicas=replicas, batch_size=batch_size).done == 120
        assert exported(folder) == expected


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_actors_that_are_killed_are_replaced_and_a_unit_that_always_kills_is_given_up(tmp_path, expected):
    once, always = DRAWS[1].id, DRAWS[30].id
    notes = tmp_path / "notes"
    notes.mkdir()
    summary = spread(tmp_path / "run", partial(fake_pool.deadly, notes, frozenset({once}), 1))
    assert summary.done == 120
    assert exported(tmp_path / "run") == expected
    summary = spread(tmp_path / "worse", partial(fake_pool.deadly, notes, frozenset({always}), 99))
    assert (summary.done, summary.failed, summary.skipped) == (118, 1, 1)
    with RunStore.open(tmp_path / "worse") as store:
        entry = store.get(always)
    assert entry is not None
    assert entry.record.error.startswith(f"ended its worker {TRIES} times, the last as Ray says: ActorDied")


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_a_node_that_is_removed_takes_no_unit_with_it(tmp_path, expected):
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    node = cluster.add_node(num_cpus=1)
    pool = WorkerPool(Actors(fake_pool.plain, address=cluster.address), 2)
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
        cluster.shutdown()
    assert exported(tmp_path / "run") == expected


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_a_model_is_spread_over_the_gpus_of_its_actor(tmp_path):
    from ray.cluster_utils import Cluster

    study = find_study("encoding")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 2})
    try:
        for gpus in (1, 2):
            pool = WorkerPool(Actors(partial(_on_gpus, gpus), address=cluster.address, gpus=gpus), 1)
            try:
                plan = study.plan(pool.card, Options(data=None, limit=1, seeds=(0,)))
                with RunStore.create(tmp_path / f"run{gpus}") as store:
                    assert drive(plan, study.run, store, pool).done == len(plan.units)
            finally:
                pool.close()
    finally:
        cluster.shutdown()
    assert exported(tmp_path / "run1") == exported(tmp_path / "run2")


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_more_than_the_machine_has_is_refused():
    with pytest.raises(UsageError, match="a replica wants 4096 CPU, this machine has"):
        Actors(fake_pool.plain, threads=4096)


def test_without_ray_the_engine_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'unispect\[ray\]'"):
        Actors(fake_pool.plain)


def test_the_engine_imports_ray_only_when_it_is_used():
    code = "import sys; import unispect.engine.ray, unispect.engine.processes; assert 'ray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
