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
STRENGTH = {"step": 0.3, "decisive": 0.12, "decisive: one": 0.5, "run": 0.3}
# What is told about the steps of a single agent: its 13 runs are too few for more.
ONE = (
    "relative place",
    "relative place, squared",
    "changes something",
    "first change",
    "after the first change",
    "place without a change",
)
# What is told about a whole run: of more features, cross-validation made no use.
RUN = (
    "run: answers that give up",
    "run: changed nothing",
    "run: changes",
    "run: model calls",
    "run: repeated calls",
    "run: tool calls",
    "different changes among trials",
    "trials that changed the same",
)
# A leaf with fewer labelled steps than this is not learnt.
FEWEST = 8
# Thresholds are chosen within the training part of each fold, by cross-validation inside it. A step is claimed from the
# lowest probability at which this share of claimed steps is right; a leaf is looked for in a run from this share of its base
# rate on (the threshold that is best for F1 is half of what F1 can be reached); this share of good runs is flagged.
PRECISION = 0.36
OF_BASE_RATE = 0.5
FALSE_ALARMS = 0.05

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
    """Rows of named numbers as a matrix; a number that is not named is left out."""

    def __init__(self, rows: list[dict[str, float]], names: list[str]) -> None:
        index = {name: place for place, name in enumerate(names)}
        self.values: Array = np.zeros((len(rows), len(names)))
        for row, features in enumerate(rows):
            for name, value in features.items():
                if name in index:
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
    step_run: list[int] = []
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
                step_run.append(number)
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
    run_names = sorted({name for row in whole for name in row} & set(RUN))
    names = step_names + run_names
    leaves = [leaf for leaf in LEAVES if sum(leaf in row for row in step_labels) >= FEWEST]
    teams = ["hub", "room"]
    heads = ["any", *(f"leaf: {LEAVES[leaf]}" for leaf in leaves), "decisive"]
    heads += ["decisive: one", *(f"decisive: {shape}" for shape in teams), "failed", "failed among trials"]

    x_step = Table(steps, step_names).values
    x_rank = Table(ranked, step_names).values
    x_run = Table(whole, run_names).values
    alone = np.array([not ("trials" in name or "others" in name) for name in run_names], dtype=float)
    shape_of = np.array(ranked_shape)
    by_shape = np.hstack([x_rank] + [x_rank * (shape_of == shape)[:, None] for shape in teams])
    targets = {"any": np.array([float(bool(row)) for row in step_labels])}
    for leaf in leaves:
        targets[f"leaf: {LEAVES[leaf]}"] = np.array([float(leaf in row) for row in step_labels])
    failed_all = np.array(whole_failed)

    of_step, of_rank, of_run = np.array(step_fold), np.array(ranked_fold), np.array(whole_fold)
    in_run, group, is_root = np.array(step_run), np.array(ranked_group), np.array(ranked_is)
    one = np.array([name in ONE for name in step_names], dtype=float)

    def fit_steps(folds: list[int]) -> tuple[Array, Array]:
        """The heads that judge a step by itself, learnt from these folds."""
        keep = np.isin(of_step, folds)
        found = [logistic(x_step[keep], target[keep], STRENGTH["step"]) for target in targets.values()]
        return np.array([bias for bias, _ in found]), np.stack([weights for _, weights in found], axis=1)

    def fit_run(folds: list[int], mask: Array) -> tuple[float, Array]:
        keep = np.isin(of_run, folds)
        bias, found = logistic(x_run[keep] * mask, failed_all[keep], STRENGTH["run"])
        return bias, found * mask

    def claim_from(folds: list[int]) -> float:
        """The lowest probability at which enough of the claimed steps are right, by cross-validation within these folds."""
        scores, truth = [], []
        for fold in folds:
            bias, weights = fit_steps([other for other in folds if other != fold])
            held_out = of_step == fold
            scores.append(1 / (1 + np.exp(-(bias[0] + x_step[held_out] @ weights[:, 0]))))
            truth.append(targets["any"][held_out])
        score, is_right = np.concatenate(scores), np.concatenate(truth)
        order = np.argsort(-score)
        precision = np.cumsum(is_right[order]) / np.arange(1, len(order) + 1)
        enough = np.nonzero(precision >= PRECISION)[0]
        return float(score[order][enough[-1]]) if len(enough) else 1.0

    def flag_from(folds: list[int], mask: Array) -> float:
        """The score from which the share of good runs is flagged, by cross-validation within these folds."""
        good = []
        for fold in folds:
            bias, weights = fit_run([other for other in folds if other != fold], mask)
            held_out = (of_run == fold) & (failed_all == 0)
            good.append(bias + x_run[held_out] @ weights)
        ranked_good = np.sort(np.concatenate(good))[::-1]
        return float(1 / (1 + np.exp(-ranked_good[int(FALSE_ALARMS * len(ranked_good))])))

    def fit(folds: list[int]) -> tuple[Array, Array, dict[str, float]]:
        bias = np.zeros(len(heads))
        weights = np.zeros((len(names), len(heads)))
        places = [heads.index(head) for head in targets]
        bias[places], weights[: len(step_names), places] = fit_steps(folds)
        # A single agent's steps are ranked by a few features of their own; teams share what they have in common.
        rows = np.isin(of_rank, folds) & (shape_of == "one")
        found = conditional(x_rank[rows] * one, is_root[rows], group[rows], STRENGTH["decisive: one"])
        weights[: len(step_names), heads.index("decisive: one")] = found * one
        rows = np.isin(of_rank, folds) & (shape_of != "one")
        found = conditional(by_shape[rows], is_root[rows], group[rows], STRENGTH["decisive"])
        for part, head in enumerate(["decisive", *(f"decisive: {shape}" for shape in teams)]):
            weights[: len(step_names), heads.index(head)] = found[part * len(step_names) : (part + 1) * len(step_names)]
        thresholds = {"claim": claim_from(folds)}
        kept = np.isin(of_step, folds)
        runs_kept = np.unique(in_run[kept])
        for leaf in leaves:
            labelled = np.unique(in_run[kept & (targets[f"leaf: {LEAVES[leaf]}"] > 0)])
            thresholds[f"leaf: {LEAVES[leaf]}"] = OF_BASE_RATE * len(labelled) / len(runs_kept)
        for head, mask in (("failed", alone), ("failed among trials", np.ones(len(run_names)))):
            place = heads.index(head)
            bias[place], weights[len(step_names) :, place] = fit_run(folds, mask)
            thresholds[head] = flag_from(folds, mask)
        return bias, weights, thresholds

    every = list(range(FOLDS))
    fitted = [fit(every)] + [fit([other for other in every if other != fold]) for fold in every]

    model = {
        "heads": heads,
        "features": names,
        "trained_on": sorted(trained_on),
        "weights": [
            {
                "bias": [round(float(v), 3) for v in bias],
                "thresholds": {name: round(value, 4) for name, value in thresholds.items()},
                "rows": [[round(float(v), 3) for v in row] for row in weights],
            }
            for bias, weights, thresholds in fitted
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
