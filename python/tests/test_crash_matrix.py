"""The crash matrix, small: every way in which a run can end, three times. The whole one is `make crash-matrix`."""

from __future__ import annotations

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "crash"))

import matrix
from rows import ROWS
from world import world

REPETITIONS = 3
STATES = sorted({row.server for row in ROWS})


@pytest.mark.parametrize("state", STATES)
def test_of_every_run_that_was_started_the_api_shows_how_it_ended(state):
    """Once, with the right end, in the right step; and the ledger adds up."""
    rows = [row for row in ROWS if row.server == state]
    with world() as where:
        results = matrix.run_rows(where, rows, REPETITIONS)
    problems = {result.row.id: result.problems for result in results if result.problems}
    assert problems == {}
    assert all(result.captured == result.started >= REPETITIONS for result in results)


def test_what_a_full_disk_cost_is_counted():
    result = matrix.disk_full(1)
    if result is None:
        pytest.skip("no small file system can be mounted here")
    assert result.problems == []
    assert result.captured + result.dropped + result.cut == result.started
