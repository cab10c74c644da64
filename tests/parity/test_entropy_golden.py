"""Entropies and dependence measures against values computed with 50-digit arithmetic, at their stated tolerances."""

import json
from functools import cache

import pytest
from safetensors.torch import load_file

from tests.helpers.reference import need_reference, reference_root
from unispect.metrics.bandwidth import median_distance
from unispect.metrics.dependence import conditional_proxy, overlap_divergence
from unispect.metrics.entropy import renyi_entropy

FILE = reference_root() / "entropy" / "golden.json"
ALPHAS = ("0.5", "1.0", "1.01", "2.0")


@cache
def golden():
    return json.loads(FILE.read_text())


@cache
def tensors():
    return load_file(need_reference("entropy") / "golden.safetensors")


def cases(kind):
    if not FILE.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"reference fixtures not found: {FILE.parent}"))]
    return [pytest.param(case, id=case["id"]) for case in golden()["cases"] if case["kind"] == kind]


def tolerance(precision, alpha):
    stated = golden()["meta"]["tolerances"]
    key = "float64_any_distance_formula" if precision == "float64" else "float32_end_to_end_centred_gram_trick"
    return stated[key]["alpha 0.5" if alpha == "0.5" else "alpha 1, 1.01, 2"]


@pytest.mark.parametrize("precision", ["auto", "float64"])
@pytest.mark.parametrize("case", cases("single"))
def test_entropy_of_rows(case, precision):
    rows = tensors()[case["tensors"][0]]
    checked = 0
    for result in case["results"]:
        for alpha in ALPHAS:
            truth = result["H"][alpha]
            for base, unit in ((2.0, "bits"), (2.718281828459045, "nats")):
                found = renyi_entropy(rows, sigma=result["sigma"], alpha=float(alpha), base=base, precision=precision)
                assert found.value == pytest.approx(truth[unit], abs=tolerance(precision, alpha), rel=0), (
                    result["sigma_rule"],
                    alpha,
                    found.method,
                )
                checked += 1
    assert checked == 8 * len(case["results"])


@pytest.mark.parametrize("case", cases("single"))
def test_bandwidth_rules_give_the_stated_width(case):
    rows = tensors()[case["tensors"][0]]
    for result in case["results"]:
        if not result["sigma_rule"].startswith("abs"):
            assert renyi_entropy(rows, sigma=result["sigma_rule"]).sigma in (
                pytest.approx(result["sigma"], rel=1e-9),
                pytest.approx(float("nan"), nan_ok=True),  # one row or equal rows: nothing to measure
            )
    if case["median_distance_used"]:
        assert median_distance(rows) == pytest.approx(case["median_distance_used"], rel=1e-9)


@pytest.mark.parametrize("precision", ["auto", "float64"])
@pytest.mark.parametrize("case", cases("pair"))
def test_dependence_of_pairs(case, precision):
    prompt, response = (tensors()[name] for name in case["tensors"])
    for result in case["results"]:
        for alpha in ALPHAS:
            how = {"sigma": result["sigma"], "alpha": float(alpha), "precision": precision}
            found = conditional_proxy(prompt, response, **how)
            # a difference of two values: twice the tolerance of one
            within = 2 * tolerance(precision, alpha)
            assert found.value == pytest.approx(result["cond_proxy_bits"][alpha], abs=within, rel=0)
            assert (found.n, found.m) == (len(prompt), len(response))
            found = overlap_divergence(prompt, response, **how)
            assert found.value == pytest.approx(result["overlap_divergence_bits"][alpha], abs=within, rel=0)


def test_float32_alone_holds_where_it_is_said_to():
    need_reference("entropy")
    for case in golden()["cases"]:
        if case["kind"] == "single" and case["id"] != "scale_mixed":
            for result in case["results"]:
                rows = tensors()[case["tensors"][0]]
                found = renyi_entropy(rows, sigma=result["sigma"], precision="float32")
                assert found.value == pytest.approx(result["H"]["1.01"]["bits"], abs=tolerance("float32", "1.01"))
