"""Whom does this model fail, found among everybody and confirmed on others?

Finders look at one part of the people and may look as often as they like; what they
propose is tested once, on the other part. Where nothing is confirmed, the answer is how
large a gap would have been.
"""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.utils import check_random_state, column_or_1d

from sklearn_equity._checks import check_same_order
from sklearn_equity._label_text import format_label
from sklearn_equity._numbers import check_numbers, to_array
from sklearn_equity._outcome_inputs import warn_of_outcome_inputs
from sklearn_equity._sklearn_shims import num_samples
from sklearn_equity.discovery._detectable import detectable_ratios
from sklearn_equity.discovery._discovery_result import DiscoveryResult
from sklearn_equity.discovery._error_map import ErrorMap
from sklearn_equity.discovery._people_table import PeopleTable
from sklearn_equity.discovery._person_loss import Answers, Loss
from sklearn_equity.discovery._rule_scanner import RuleScanner
from sklearn_equity.discovery._splits import (
    STRICTNESS,
    Proposal,
    agree,
    confirmed,
    try_split,
)
from sklearn_equity.discovery._triage import People, triage_findings
from sklearn_equity.discovery._triage_result import TriageResult
from sklearn_equity.segmentation._reseed import draw_seed

__all__ = ["find_underserved"]

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

_NAMED = ("map", "rules")
_FEWEST_ROWS = 100
_FEWEST_IN_A_PART = 20
# Fewer people than this are split repeatedly: who came into which part decides then.
_FEW_ROWS = 2000
_SPLITS_OF_FEW = 10


def find_underserved(
    model: Any,
    X: Any,
    y: ArrayLike,
    *,
    methods: Any = "auto",
    loss: Loss = "absolute",
    holdout: float = 0.5,
    n_splits: Any = "auto",
    fdr: float = 0.05,
    min_subgroup_size: int = 50,
    max_overlap: float = 0.5,
    random_state: int | np.random.RandomState | None = None,
) -> DiscoveryResult:
    r"""Find the people whom a model serves worst, and confirm it on others.

    Use people who did not train the model. One part of them proposes subgroups, the
    rest test them: figures are those of the rest, so that nothing is flattered by
    having been chosen. Subgroups are trusted from about 50 people among those.

    Parameters
    ----------
    model : fitted estimator or array-like of shape (n_rows,)
        Predicts the outcome of `X`, a classifier of two classes the probability of the
        second; or the predictions themselves, as where `X` has columns that the model
        does not use.
    X : data frame or array-like of shape (n_rows, n_features)
        Numbers, text, categories and truth values, with gaps, as `model` takes them.
        A column that nearly determines the outcome is named in an
        `OutcomeInputWarning`.
    y : array-like of shape (n_rows,)
        The measured outcome: numbers, or the two classes of a classifier. With
        predictions that are probabilities, 0 and 1.
    methods : "auto", str, estimator, or list of these, default="auto"
        Who proposes. "rules" scans conjunctions of conditions (`RuleScanner`), "map"
        takes about a tenth, with the largest expected loss (`ErrorMap`), "auto" both.
        An estimator with `fit` and `predict`, such as a pipeline of an
        `AutoencoderEmbedder` and a `LatentGMMSegmenter`, is cloned, fitted to `X` and
        the losses, and proposes each of its labels whose mean loss is above
        everybody's; it must take `X` as it comes, or be a pipeline that prepares it.
    loss : {"absolute", "squared"} or callable, default="absolute"
        How badly one person is served. "squared" errors above their 99% quantile count
        as much as it. A callable takes `y_true` and `y_pred` and returns one number a
        row, larger for worse. Finders given as estimators learn it too, whatever their
        own `loss`, and a `RuleScanner`'s own `holdout` is not used.
    holdout : float, default=0.5
        The share of people who test.
    n_splits : int or "auto", default="auto"
        How often people are parted anew. "auto" is 1, and 10 with fewer than 2,000
        people, where one split's answer hangs on who came into which part.
    fdr : float, default=0.05
        The false discovery rate over everything that was proposed.
    min_subgroup_size : int, default=50
        The fewest people of a subgroup among those who choose.
    max_overlap : float, default=0.5
        Candidates that share more than this part of the people of either (Jaccard
        index) with a stronger one are told under it, and not tested.
    random_state : int, RandomState instance or None, default=None
        Who chooses and who tests, and the seeds of finders.

    Returns
    -------
    DiscoveryResult
        Who was found, how sure that is and how large their errors are; whether a better
        model could mend it; and what could have been missed.

    Raises
    ------
    ValueError
        If lengths or indexes differ, there are fewer than 100 people, `methods` or
        another option is out of range, or a column cannot be read.

    See Also
    --------
    audit : The fidelity of subgroups that are known beforehand.
    triage : Could a better model mend it?

    Notes
    -----
    Each of the :math:`m` candidates left after overlaps were merged is tested among the
    people held out, one-sided: the p-value is the larger one of a Mann-Whitney test of
    losses inside against outside, which a few enormous errors don't decide, and a t
    test of means, so that what is confirmed is what `error_ratio` tells. q-values are
    those of Benjamini and Hochberg over all :math:`m`. The false discovery rate is
    at most `fdr` if tests are independent or depend on each other positively;
    candidates may overlap, so that this is no theorem here.

    Intervals of findings are told because they were confirmed: of R findings each is at
    the level ``1 - R * fdr / m``, 95% at least, so that on average at most `fdr` of the
    intervals told do not cover [2]_ (of several splits, m counts what any proposed).
    Candidates may share people with a stronger one, and be confirmed for these alone:
    `ratio_apart` is of the others. People count alike, without weights, and as
    independent: of several rows of one person keep one.

    With several splits, candidates of mostly the same people are taken together
    (`max_overlap`), and so are the maps'. Of each split the candidate most like the
    named one counts, as 1 if there is none. With the j-th smallest of their q-values
    over B splits, :math:`q_{(j)}`, the one told is

    .. math:: (1 - \\log 0.2) \\min_{j \\ge B / 5} \\frac{B}{j} q_{(j)}

    and so is the p-value [1]_: two of ten splits may decide, thirteen times as strictly
    as one. Where nobody is under-served, the chance of any finding is `fdr` at most;
    where somebody is, the rate of false ones among the findings is not bounded. Figures
    are means over the splits that propose them, of people who did not choose in that
    split, and intervals mean intervals, which are rather too wide.

    Findings keep the order of their strength among those who chose: sorted by their
    figures of the people held out, the first would be flattered again. Only confirmed
    ones are shown as findings, which flatters the `error_ratio` of those that were
    barely confirmed; `tried` has all of them.

    What could have been missed: a subgroup of :math:`n` people whose losses are those
    of everybody times a number is confirmed, at level ``fdr / m``, with the chance of a
    normal approximation to both tests. The `error_ratio` told has a chance of 80%, for
    a subgroup that a finder does propose; those smaller than `min_subgroup_size` among
    those who choose are not proposed, and others may be proposed with some of their
    people only. That is the harder part: of 40 studies of 4,000 people where a
    conjunction of two conditions had the ratio told for its size, 5 found it. With
    several splits the level is divided by :math:`1 - \log 0.2`, and :math:`m` is their
    median.

    References
    ----------
    .. [1] Meinshausen, N., Meier, L. and Buehlmann, P. (2009). "p-Values for
       High-Dimensional Regression". Journal of the American Statistical Association
       104(488).
    .. [2] Benjamini, Y. and Yekutieli, D. (2005). "False Discovery Rate-Adjusted
       Multiple Confidence Intervals for Selected Parameters". Journal of the American
       Statistical Association 100(469).

    Examples
    --------
    The model errs three times as much among older smokers:

    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_equity import find_underserved
    >>> rng = np.random.default_rng(0)
    >>> people = pd.DataFrame(
    ...     {
    ...         "age": rng.integers(40, 70, size=4000),
    ...         "smoker": rng.choice(["no", "yes"], p=[0.7, 0.3], size=4000),
    ...     }
    ... )
    >>> failed = (people["age"] >= 60) & (people["smoker"] == "yes")
    >>> outcome = rng.normal(scale=np.where(failed, 3.0, 1.0))
    >>> result = find_underserved(
    ...     np.zeros(4000), people, outcome, methods="rules", random_state=0
    ... )
    >>> result.findings[0].text
    'age >= 60 and smoker = yes'
    >>> bool(result.findings[0].ci_low > 1.5)
    True
    """
    _check_options(holdout, fdr, min_subgroup_size, max_overlap)
    check_same_order(X=X, y=y, model=_if_array(model))
    answers = Answers.judge(*_read_answers(model, X, y), loss)
    n_rows = len(answers.losses)
    _check_rows(num_samples(X), n_rows)
    n_held = _count_held(holdout, n_rows)
    _check_size(min_subgroup_size, n_rows - n_held)
    n_splits = _count_splits(n_splits, n_rows)
    people = PeopleTable.learn(X)
    warn_of_outcome_inputs(X, answers.truth, stacklevel=2)
    rng = check_random_state(random_state)
    splits, tests, is_exhaustive = [], [], True
    for _ in range(n_splits):
        finders = _make_finders(methods, int(min_subgroup_size), rng)
        order = rng.permutation(n_rows)
        tests.append(np.sort(order[:n_held]))
        split = try_split(
            finders,
            X,
            answers,
            choosing=np.sort(order[n_held:]),
            testing=tests[-1],
            min_size=int(min_subgroup_size),
            max_overlap=float(max_overlap),
        )
        splits.append(split)
        is_exhaustive &= all(getattr(one, "is_exhaustive_", True) for one in finders)
    tried = splits[0] if n_splits == 1 else agree(splits, max_overlap=max_overlap)
    n_tried = max(float(np.median([len(split) for split in splits])), 1.0)
    kept = confirmed(tried, answers.losses, fdr=float(fdr))
    return DiscoveryResult(
        findings=tuple(one.finding for one in kept),
        tried=tuple(one.finding for one in tried),
        triage=_triage(kept, _numbers(people, people.read(X)), answers, rng),
        detectable=detectable_ratios(
            answers.losses[tests[0]],
            fdr / n_tried / (1.0 if n_splits == 1 else STRICTNESS),
            fewest=int(np.ceil(min_subgroup_size * n_held / (n_rows - n_held))),
        ),
        testing=tuple(tests),
        n_choosing=n_rows - n_held,
        n_testing=n_held,
        n_splits=n_splits,
        fdr=float(fdr),
        is_exhaustive=is_exhaustive,
        candidates=tuple(one.candidate for one in kept),
    )


# ---------------------------------------------------------------------------------
# What comes in
# ---------------------------------------------------------------------------------
def _check_options(
    holdout: Any, fdr: Any, min_subgroup_size: Any, max_overlap: Any
) -> None:
    shares = {"holdout": holdout, "fdr": fdr}
    for name, value in shares.items():
        if not isinstance(value, Real) or not 0.0 < float(value) < 1.0:
            msg = f"`{name}` must lie strictly between 0 and 1; got {value!r}."
            raise ValueError(msg)
    if not isinstance(max_overlap, Real) or not 0.0 <= float(max_overlap) <= 1.0:
        raise ValueError(f"`max_overlap` must lie from 0 to 1; got {max_overlap!r}.")
    whole = isinstance(min_subgroup_size, Integral)
    if not whole or isinstance(min_subgroup_size, bool) or min_subgroup_size < 1:
        msg = (
            "`min_subgroup_size` must be a whole number of at least 1; got "
            f"{min_subgroup_size!r}."
        )
        raise ValueError(msg)


def _count_held(holdout: float, n_rows: int) -> int:
    n_held = round(holdout * n_rows)
    if min(n_held, n_rows - n_held) < _FEWEST_IN_A_PART:
        msg = (
            f"`holdout` must leave at least {_FEWEST_IN_A_PART} of {n_rows} people to "
            f"choose and as many to test; got {holdout}, which leaves "
            f"{n_rows - n_held} and {n_held}."
        )
        raise ValueError(msg)
    return n_held


def _check_size(min_subgroup_size: int, n_choosing: int) -> None:
    if min_subgroup_size > n_choosing:
        msg = (
            f"`min_subgroup_size` must be at most {n_choosing}, the people who choose; "
            f"got {min_subgroup_size}. Take it or `holdout` smaller."
        )
        raise ValueError(msg)


def _count_splits(n_splits: Any, n_rows: int) -> int:
    if isinstance(n_splits, str) and n_splits == "auto":
        return _SPLITS_OF_FEW if n_rows < _FEW_ROWS else 1
    whole = isinstance(n_splits, Integral) and not isinstance(n_splits, bool)
    if not whole or n_splits < 1:
        msg = (
            '`n_splits` must be "auto" or a whole number of at least 1; got '
            f"{n_splits!r}."
        )
        raise ValueError(msg)
    return int(n_splits)


def _check_rows(n_people: int, n_rows: int) -> None:
    if n_people != n_rows:
        msg = f"`X` must have one row per row of `y` ({n_rows}); got {n_people}."
        raise ValueError(msg)
    if n_rows < _FEWEST_ROWS:
        msg = (
            f"`X` must have at least {_FEWEST_ROWS} rows, some to choose and some to "
            f"test; got {n_rows}."
        )
        raise ValueError(msg)


def _if_array(model: Any) -> Any:
    return None if hasattr(model, "predict") else model


def _read_answers(model: Any, X: Any, y: Any) -> tuple[Vector, Vector]:
    """Return outcomes and predictions as numbers."""
    if not hasattr(model, "predict"):
        truth = check_numbers(y, name="y")
        shape = to_array(model, name="model").shape
        if len(shape) == 2 and shape[1] > 1:
            msg = (
                "`model` must be a fitted estimator or one prediction a row; got shape "
                f"{shape}. Of probabilities of two classes pass those of the "
                "second, [:, 1]."
            )
            raise ValueError(msg)
        prediction = check_numbers(model, name="model", n_rows=len(truth), rows_of="y")
        return truth, prediction
    if not is_classifier(model):
        truth = check_numbers(y, name="y")
        return truth, check_numbers(
            model.predict(X), name="model.predict(X)", n_rows=len(truth), rows_of="y"
        )
    classes = list(model.classes_)
    if not hasattr(model, "predict_proba"):
        msg = (
            "`model` must be a regressor, or a classifier with predict_proba; got "
            f"{type(model).__name__}, which has none. Calibrate it "
            "(CalibratedClassifierCV)."
        )
        raise ValueError(msg)
    if len(classes) != 2:
        msg = (
            "`model` must be a regressor, or a classifier of two classes; got one of "
            f"{len(classes)}. Pass predictions and outcomes as numbers, such as 1 for "
            "one class and 0 for all others."
        )
        raise ValueError(msg)
    labels = column_or_1d(y)
    unknown = ~np.isin(labels, classes)
    if unknown.any():
        msg = (
            f"`y` must hold the classes of `model`, "
            f"{', '.join(map(format_label, classes))}; got "
            f"{format_label(labels[unknown][0])}."
        )
        raise ValueError(msg)
    truth = (labels == classes[1]).astype(np.float64)
    return truth, np.asarray(model.predict_proba(X)[:, 1], dtype=np.float64)


def _make_finders(methods: Any, min_size: int, rng: np.random.RandomState) -> list[Any]:
    """Return unfitted finders of our own, or clones of others, seeded."""
    if isinstance(methods, str):
        methods = _NAMED if methods == "auto" else (methods,)
    elif not isinstance(methods, list | tuple):
        methods = (methods,)
    if not methods:
        raise ValueError("`methods` must name a finder; got none.")
    return [_make_finder(method, min_size, rng) for method in methods]


def _make_finder(method: Any, min_size: int, rng: np.random.RandomState) -> Any:
    seed = draw_seed(rng)
    if isinstance(method, str) and method == "map":
        return ErrorMap(n_repeats=0, random_state=seed)
    if isinstance(method, str) and method == "rules":
        return RuleScanner(min_subgroup_size=min_size, random_state=seed)
    fits = hasattr(method, "fit") and hasattr(method, "predict")
    if isinstance(method, str | type) or not fits:
        msg = (
            '`methods` must be "auto", "map", "rules", an estimator with fit and '
            f"predict, or a list of these; got {method!r}."
        )
        raise ValueError(msg)
    finder = clone(method)
    seeds = {
        name: seed
        for name, value in finder.get_params().items()
        if value is None and name.split("__")[-1] == "random_state"
    }
    if seeds:  # a frozen estimator takes no parameters, and says nothing of itself
        finder.set_params(**seeds)
    return finder


# ---------------------------------------------------------------------------------
# What is said of the findings
# ---------------------------------------------------------------------------------
def _triage(
    kept: list[Proposal],
    table: Vector,
    answers: Answers,
    rng: np.random.RandomState,
) -> TriageResult | None:
    """Ask those who did not choose a finding whether a better model could mend it."""
    if not kept:
        return None
    is_one_split = all(one.testing is kept[0].testing for one in kept)
    return triage_findings(
        [
            People(
                table[group[0].testing],
                answers.truth[group[0].testing],
                answers.prediction[group[0].testing],
                np.column_stack([one.members[one.testing] for one in group]),
            )
            for group in ([kept] if is_one_split else [[one] for one in kept])
        ],
        tuple(one.finding.text for one in kept),
        random_state=rng,
    )


def _numbers(people: PeopleTable, table: Vector) -> Vector:
    """Give each label of a column one of its own."""
    columns = []
    for j, labels in enumerate(people.levels):
        if labels is None:
            columns.append(table[:, j])
        else:
            columns += [(table[:, j] == code) * 1.0 for code in range(len(labels))]
    return np.column_stack(columns)
