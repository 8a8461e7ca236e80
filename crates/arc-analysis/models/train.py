"""Trains the weights of `localisation.json` from what the example `features` prints, and measures them.

    cargo run --release -p arc-analysis --example features -- DATA > features.jsonl
    python crates/arc-analysis/models/train.py DATA features.jsonl

Needs numpy and scipy. Linear heads with L2: logistic regression where a step or a run is judged by itself, conditional
logistic regression (which of a run's steps?) for the decisive step. One set of weights over everything, and one for
each of five folds of tasks, so that runs of the training data can be judged by weights that never saw their task.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]

FOLDS = 5
HERE = Path(__file__).parent
# Strength of the prior, by head: the inverse of the L2 penalty. Chosen on other splits than the folds of the file, but of
# the same runs.
STRENGTH = {"step": 0.3, "decisive": 0.12, "run": 0.3}
# A leaf with fewer labelled steps than this is not learnt.
FEWEST = 8
# A step is claimed from this probability on, chosen with the cross-validated figures in view; silent failures are flagged so that about this share of good runs is.
CLAIM = 0.17
FALSE_ALARMS = 0.08

LEAVES = {
    "formatting": "formatting-error",
    "instructionnoncompliance": "instruction-not-followed",
    "goaldeviation": "goal-deviation",
    "toolrelated": "tool-hallucination",
    "languageonly": "ungrounded-claim",
    "resourceabuse": "resource-abuse",
    "taskorchestration": "coordination",
    "toolselection": "wrong-tool",
    "contexthandling": "context-loss",
    "incorrectproblemidentification": "problem-misread",
    "poorinformationretrieval": "poor-retrieval",
    "tooloutputmisinterpretation": "tool-result-misread",
    "environmentsetup": "environment-setup",
}
ENDINGS = ("errors", "error", "issues", "issue", "failures", "failure")


def category(text: str) -> str:
    key = re.sub(r"[^a-z0-9]", "", text.lower())
    for ending in ENDINGS:
        if key.endswith(ending) and len(key) > len(ending):
            return key[: -len(ending)]
    return key


class Table:
    """Rows of named numbers as a matrix."""

    def __init__(self, rows: list[dict[str, float]], names: list[str]) -> None:
        index = {name: place for place, name in enumerate(names)}
        self.values: Array = np.zeros((len(rows), len(names)))
        for row, features in enumerate(rows):
            for name, value in features.items():
                self.values[row, index[name]] = value


def logistic(x: Array, y: Array, strength: float) -> tuple[float, Array]:
    def loss(parameters: Array) -> tuple[float, Array]:
        bias, weights = parameters[0], parameters[1:]
        score = bias + x @ weights
        value = np.sum(np.logaddexp(0, score) - y * score) + weights @ weights / (2 * strength)
        error = 1 / (1 + np.exp(-score)) - y
        return float(value), np.concatenate([[error.sum()], x.T @ error + weights / strength])

    start = np.zeros(x.shape[1] + 1)
    start[0] = np.log((y.mean() + 1e-3) / (1 - y.mean() + 1e-3))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return float(best[0]), best[1:]


def conditional(x: Array, y: Array, groups: NDArray[np.int64], strength: float) -> Array:
    """Which row of each group is the one? The weights of a softmax within groups."""
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max()) + 1

    def loss(weights: Array) -> tuple[float, Array]:
        score = x @ weights
        highest = np.full(count, -np.inf)
        np.maximum.at(highest, group, score)
        power = np.exp(score - highest[group])
        share = power / np.bincount(group, power, count)[group]
        value = -np.sum(y * np.log(share + 1e-12)) + weights @ weights / (2 * strength)
        return float(value), x.T @ (share - y) + weights / strength

    return np.asarray(
        minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    )


def labels_of_trail(data: Path, run: dict[str, Any]) -> list[tuple[str, str]] | None:
    subset, stem = run["path"].split("/")[0], Path(run["path"]).stem
    try:
        labels = json.loads((data / "trail" / subset / "labels" / f"{stem}.json").read_text())
    except (OSError, ValueError):
        return None
    return [(error["location"], category(error["category"])) for error in labels["errors"]]


def decisive_of(data: Path, run: dict[str, Any]) -> int | None:
    """The index of the labelled step, or `None`."""
    path = Path(run["path"])
    if run["set"] == "who-and-when":
        step = json.loads((data / "who-and-when" / path).read_text()).get("mistake_step")
        return int(step) if step is not None else None
    if run["set"] != "agentrx":
        return None
    name = path.parts[0] if len(path.parts) > 1 else path.stem
    labels = json.loads((data / "agentrx" / f"{name}_labels.json").read_text())
    record = None
    key = path.stem
    if len(path.parts) == 1:
        record = json.loads((data / "agentrx" / path).read_text())[run["index"]]
        key = str(record["task_id"])
    for label in labels:
        if str(label["trajectory_id"]) != key:
            continue
        root = label["root_cause"]["failure_id"]
        step = next(one["step_number"] for one in label["failures"] if one["failure_id"] == root) - 1
        if record is None:
            return int(step)
        answers = [place for place, message in enumerate(record["traj"]) if message["role"] == "assistant"]
        calls = [place for place, step_ in enumerate(run["steps"]) if step_["kind"] == "llm"]
        nearest = min(range(len(answers)), key=lambda place: (abs(answers[place] - step), place))
        return calls[nearest]
    return None


def failed_of(data: Path, run: dict[str, Any]) -> bool | None:
    if run["set"] != "tau-bench":
        return None
    record = json.loads((data / "tau-bench" / run["path"]).read_text())[run["index"]]
    return bool(record["reward"] < 1)


def main() -> None:
    data, printed = Path(sys.argv[1]), Path(sys.argv[2])
    runs = [json.loads(line) for line in printed.read_text().splitlines()]

    steps: list[dict[str, float]] = []
    step_fold: list[int] = []
    step_labels: list[set[str]] = []
    ranked: list[dict[str, float]] = []
    ranked_fold: list[int] = []
    ranked_group: list[int] = []
    ranked_shape: list[str] = []
    ranked_is: list[float] = []
    whole: list[dict[str, float]] = []
    whole_fold: list[int] = []
    whole_failed: list[float] = []
    trained_on: set[str] = set()

    for number, run in enumerate(runs):
        if run["set"] == "trail" and (gold := labels_of_trail(data, run)) is not None:
            trained_on.add(run["task"])
            for step in run["steps"]:
                steps.append(step["features"])
                step_fold.append(run["fold"])
                step_labels.append({leaf for place, leaf in gold if place == step["id"]})
        if (decisive := decisive_of(data, run)) is not None and decisive < len(run["steps"]):
            trained_on.add(run["task"])
            for place, step in enumerate(run["steps"]):
                # A single agent's tools decide nothing; only what it asks them.
                if run["shape"] == "one" and step["kind"] != "llm":
                    continue
                ranked.append(step["features"])
                ranked_fold.append(run["fold"])
                ranked_group.append(number)
                ranked_shape.append(run["shape"])
                ranked_is.append(float(place == decisive))
        if (failed := failed_of(data, run)) is not None:
            trained_on.add(run["task"])
            whole.append(run["run"])
            whole_fold.append(run["fold"])
            whole_failed.append(float(failed))

    step_names = sorted({name for row in steps + ranked for name in row})
    run_names = sorted({name for row in whole for name in row})
    names = step_names + run_names
    leaves = [leaf for leaf in LEAVES if sum(leaf in row for row in step_labels) >= FEWEST]
    shapes = ["one", "hub", "room"]
    heads = ["any", *(f"leaf: {LEAVES[leaf]}" for leaf in leaves), "decisive"]
    heads += [*(f"decisive: {shape}" for shape in shapes), "failed", "failed among trials"]

    x_step = Table(steps, step_names).values
    x_rank = Table(ranked, step_names).values
    x_run = Table(whole, run_names).values
    alone = np.array([not ("trials" in name or "others" in name) for name in run_names], dtype=float)
    shape_of = np.array(ranked_shape)
    by_shape = np.hstack([x_rank] + [x_rank * (shape_of == shape)[:, None] for shape in shapes])
    targets = {"any": np.array([float(bool(row)) for row in step_labels])}
    for leaf in leaves:
        targets[f"leaf: {LEAVES[leaf]}"] = np.array([float(leaf in row) for row in step_labels])
    failed_all = np.array(whole_failed)

    def fit(keep: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> tuple[Array, Array]:
        bias = np.zeros(len(heads))
        weights = np.zeros((len(names), len(heads)))
        of_step, of_rank, of_run = keep(np.array(step_fold)), keep(np.array(ranked_fold)), keep(np.array(whole_fold))
        for head, target in targets.items():
            place = heads.index(head)
            bias[place], found = logistic(x_step[of_step], target[of_step], STRENGTH["step"])
            weights[: len(step_names), place] = found
        found = conditional(
            by_shape[of_rank], np.array(ranked_is)[of_rank], np.array(ranked_group)[of_rank], STRENGTH["decisive"]
        )
        for part, head in enumerate(["decisive", *(f"decisive: {shape}" for shape in shapes)]):
            weights[: len(step_names), heads.index(head)] = found[part * len(step_names) : (part + 1) * len(step_names)]
        for head, mask in (("failed", alone), ("failed among trials", np.ones(len(run_names)))):
            place = heads.index(head)
            bias[place], found = logistic(x_run[of_run] * mask, failed_all[of_run], STRENGTH["run"])
            weights[len(step_names) :, place] = found * mask
        return bias, weights

    fitted = [fit(lambda folds: np.ones(len(folds), dtype=bool))]
    for fold in range(FOLDS):
        fitted.append(fit(lambda folds, fold=fold: folds != fold))  # type: ignore[misc]

    thresholds = {"claim": CLAIM}
    for head in ("failed", "failed among trials"):
        place = heads.index(head)
        scores = np.zeros(len(whole))
        for fold in range(FOLDS):
            bias, weights = fitted[fold + 1]
            held_out = np.array(whole_fold) == fold
            scores[held_out] = bias[place] + x_run[held_out] @ weights[len(step_names) :, place]
        good = np.sort(scores[failed_all == 0])[::-1]
        limit = good[int(FALSE_ALARMS * len(good))]
        thresholds[head] = round(float(1 / (1 + np.exp(-limit))), 4)
        caught = float((scores[failed_all == 1] > limit).mean())
        print(f"{head}: {caught:.3f} of failed runs above the threshold of {FALSE_ALARMS:.0%} false alarms")

    model = {
        "heads": heads,
        "features": names,
        "trained_on": sorted(trained_on),
        "thresholds": thresholds,
        "weights": [
            {"bias": [round(float(v), 3) for v in bias], "rows": [[round(float(v), 3) for v in row] for row in weights]}
            for bias, weights in fitted
        ],
    }
    text = json.dumps(model, separators=(",", ":"), ensure_ascii=False)
    # A line for each feature, so that a change can be read.
    text = text.replace("],[", "],\n[").replace('{"bias"', '\n{"bias"')
    (HERE / "localisation.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(steps)} steps of TRAIL, {len(set(ranked_group))} runs with a decisive step, {len(whole)} runs of τ-bench")
    print(f"{len(names)} features, {len(heads)} heads, {len(text)} bytes")


if __name__ == "__main__":
    main()
