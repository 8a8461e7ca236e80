"""Writes values.json: what SciPy, statsmodels and ppi-python say, for `tests/reference.rs` to agree with.

Run it with both and ppi-python installed: `python make.py > values.json`. The versions that made the committed file
are in it.
"""

import json

import numpy as np
import ppi_py
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

COUNTS = [(0, 1), (1, 1), (0, 20), (1, 29), (9, 10), (15, 148), (81, 263), (84, 200), (999, 1000)]
PAIRS = [((56, 70), (48, 80)), ((9, 10), (3, 10)), ((5, 50), (9, 40)), ((100, 100), (95, 100))]
STRATA = [
    [((3, 4), (1, 4)), ((4, 4), (2, 4)), ((2, 4), (0, 4))],
    [((8, 10), (3, 6)), ((1, 5), (2, 9)), ((7, 7), (5, 8)), ((0, 3), (1, 4))],
    [((10, 12), (4, 15)), ((6, 9), (6, 9))],
]
# Judge alone and how many it passed; both passed, missed, wrongly passed, both failed.
JUDGED = [(900, 567, 51, 9, 12, 28), (200, 150, 30, 2, 5, 13), (5000, 1000, 12, 40, 20, 78), (40, 30, 90, 10, 10, 90)]
SAMPLES = [list(range(1, n + 1)) for n in (5, 20, 100, 1000)]


def interval(pair):
    low, high = pair
    return [float(low), float(high)]


def stratified(strata):
    """The two-sided exact test: all totals at most as likely as the one observed."""
    total, low = np.array([1.0]), 0
    for (s_before, n_before), (s_after, n_after) in strata:
        marked = s_before + s_after
        first = max(0, marked - n_before)
        xs = np.arange(first, min(n_after, marked) + 1)
        total = np.convolve(total, stats.hypergeom.pmf(xs, n_before + n_after, marked, n_after))
        low += first
    observed = sum(after[0] for _, after in strata) - low
    return float(total[total <= total[observed] * (1 + 1e-7)].sum())


def quantile(sample, share):
    n = len(sample)
    below = stats.binom(n, share)
    lows = [count for count in range(n) if below.cdf(count) <= 0.025]
    highs = [count for count in range(n) if below.sf(count) <= 0.025]
    return [sample[lows[-1]] if lows else None, sample[highs[0]] if highs else None]


def labels(counts):
    """The labels and the verdicts that these counts stand for."""
    alone, passed, a, b, c, d = counts
    y = np.repeat([1.0, 1.0, 0.0, 0.0], [a, b, c, d])
    judge = np.repeat([1.0, 0.0, 1.0, 0.0], [a, b, c, d])
    return y, judge, np.repeat([1.0, 0.0], [passed, alone - passed])


def prediction_powered(counts):
    y, judge, alone = labels(counts)
    point = float(np.ravel(ppi_py.ppi_mean_pointestimate(y, judge, alone))[0])
    low, high = ppi_py.ppi_mean_ci(y, judge, alone, alpha=0.05)
    return [point, *(float(np.ravel(end)[0]) for end in (low, high))]


def rogan_gladen(counts):
    """Written from Lang and Reiczigel (2014), with SciPy's normal quantile."""
    alone, passed, a, b, c, d = counts
    z = stats.norm.ppf(0.975)
    n, n1, n0 = alone + a + b + c + d, a + b, c + d
    q = (passed + a + c) / n
    estimate = (q + d / n0 - 1) / (a / n1 + d / n0 - 1)
    qa, se, sp = (n * q + z * z / 2) / (n + z * z), (a + 1) / (n1 + 2), (d + 1) / (n0 + 2)
    p = (qa + sp - 1) / (se + sp - 1)
    vse, vsp = se * (1 - se) / (n1 + 2), sp * (1 - sp) / (n0 + 2)
    error = np.sqrt(qa * (1 - qa) / (n + z * z) + p**2 * vse + (1 - p) ** 2 * vsp) / (se + sp - 1)
    shift = 2 * z * z * (p * vse - (1 - p) * vsp)
    ends = np.clip([estimate, p + shift - z * error, p + shift + z * error], 0, 1)
    return [float(end) for end in ends]


def change(pattern):
    """Where the likelihood ratio of a split is largest, by SciPy's binomial."""
    x = np.array([int(c) for c in pattern])
    n, best = len(x), None
    for k in range(10, n - 9):
        log = lambda part: stats.binom.logpmf(part.sum(), len(part), part.mean()) - np.log(
            scipy.special.comb(len(part), part.sum())
        )
        ratio = 2 * (log(x[:k]) + log(x[k:]) - log(x))
        if best is None or ratio > best[1] + 1e-9:
            best = (k, float(ratio))
    return best


def jeffreys(successes, n):
    low, high = interval(proportion_confint(successes, n, method="jeffreys"))
    return [0.0 if successes == 0 else low, 1.0 if successes == n else high]


values = {
    "made_with": {"scipy": scipy.__version__, "statsmodels": statsmodels.__version__, "ppi-python": "0.2.3"},
    "wilson": [[s, n, interval(proportion_confint(s, n, method="wilson"))] for s, n in COUNTS],
    "jeffreys": [[s, n, jeffreys(s, n)] for s, n in COUNTS],
    "newcombe": [
        [*one, *other, interval(confint_proportions_2indep(*one, *other, compare="diff", method="newcomb"))]
        for one, other in PAIRS
    ],
    "fisher": [
        [*one, *other, float(stats.fisher_exact([[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]]).pvalue)]
        for one, other in [((8, 10), (1, 6)), ((3, 4), (1, 4)), ((2, 17), (10, 13)), ((1, 10), (11, 14))]
    ],
    "mcnemar": [
        [b, c, float(mcnemar([[7, b], [c, 3]], exact=True).pvalue)]
        for b, c in [(1, 9), (9, 1), (2, 8), (0, 5), (4, 4), (5, 20), (30, 12)]
    ],
    "prediction_powered": [[*counts, prediction_powered(counts)] for counts in JUDGED],
    "rogan_gladen": [[*counts, rogan_gladen(counts)] for counts in JUDGED if counts[0] != 5000],
    "change_point": [
        [pattern, *change(pattern)]
        for pattern in ["1" * 30 + "0" * 20, "1101110111" * 3 + "0100100010" * 2, "10" * 20, "0" * 12 + "1" * 15]
    ],
    "stratified": [[strata, stratified(strata)] for strata in STRATA],
    "quantile": [[len(s), q, quantile(s, q)] for s in SAMPLES for q in (0.5, 0.95, 0.99)],
}
print(json.dumps(values, indent=1))
