"""In which subgroups, that a sentence describes, does a model err most?

Conjunctions of conditions on columns are scanned on one part of the people, a few
diverse ones are chosen there, and the rest of the people say how much of it is true.
"""

from dataclasses import fields
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._fit_tasks import Task, fit_task
from sklearn_equity._numbers import check_numbers
from sklearn_equity._optional import build_frame
from sklearn_equity._sklearn_shims import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    fit_context,
    validate_data,
)
from sklearn_equity.discovery._items import Item, describe_rule, make_items
from sklearn_equity.discovery._people_table import PeopleTable
from sklearn_equity.discovery._person_loss import LOSSES, Loss, losses_to_learn
from sklearn_equity.discovery._rule_choice import choose_rules, rows_of
from sklearn_equity.discovery._rule_evidence import ScannedRule, measure_rules
from sklearn_equity.discovery._rule_search import n_steps, search_conjunctions

__all__ = ["NO_RULE", "RuleScanner"]

NO_RULE = "no rule"

# Of rules that are no better than this many standard errors, chance makes hundreds.
_LEAST_SCORE = 2.0
# The thousand best lie around one or two subgroups, of which few rules are made.
_N_KEPT = 5000
_MOST_BYTES = 200_000_000  # of who is in which candidate
_MAX_WORK = 2e11
_WINSORISED_AT = 0.99


class RuleScanner(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Find the subgroups that a model serves worst, as rules that people can read.

    Parameters
    ----------
    max_depth : int, default=4
        The most conditions in a rule.
    min_subgroup_size : int, default=50
        The fewest people in a rule, among those who choose it.
    max_rules : int, default=20
        The most rules that are chosen and tested.
    n_cuts : int, default=4
        Quantiles at which a column of numbers is cut for the scan; 4 makes fifths. The
        cuts of the rules that are chosen are then moved to where they tell most.
    max_overlap : float, default=0.5
        Rules that share more than this part of the people of either (Jaccard index)
        with an earlier one are not chosen.
    loss : {"absolute", "squared"} or callable, default="absolute"
        How a prediction is measured. "squared" errors above their 99% quantile count
        as much as it. A callable takes `y_true` and `y_pred` and returns one number a
        row, larger for worse.
    holdout : float, default=0.3
        The share of people kept from choosing, who test the rules. With 0 all people
        choose, nothing is tested, and all figures are too good to be true.
    fdr : float, default=0.05
        Rules with a q-value of at most this are kept in `rules_`.
    random_state : int, RandomState instance or None, default=None
        Who chooses and who tests. Pass an int for the same result every time.

    Attributes
    ----------
    rules_ : tuple of ScannedRule
        The rules that the people held out confirm, the largest expected excess of loss
        first; empty if nothing was found. With ``holdout=0``, `candidates_` so sorted.
    candidates_ : tuple of ScannedRule
        All rules that were chosen and tested, in the order of choice.
    mean_loss_ : float
        The mean loss of the people who measure rules.
    is_exhaustive_ : bool
        Whether the scan looked at every conjunction that could be among the 5,000
        best; False if the table has so many items that prefixes were given up.
    n_candidates_ : int
        Conjunctions whose size and loss were found.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, if they are all text.

    See Also
    --------
    ScannedRule : What is known of a rule.

    Notes
    -----
    Conditions are: at least a cut, below a cut (both make an interval), equal to a
    label or to one of two values, missing. A missing value, or a label not seen in
    `fit`, meets no other condition.

    Losses, winsorised at their 99% quantile for the choice and nowhere else, are
    scanned for conjunctions of n people whose mean lies most standard errors,
    ``sd / sqrt(n)``, above everybody's. The scan over the quantiles is exhaustive to
    `max_depth`: conjunctions are left out only if they are too small, if a condition
    leaves over 97% of the rows of the rest, or if no part of theirs can reach the
    5,000 best by a sound bound [1]_ (from 40,000 rows, fewer are kept). Of
    conjunctions of the same columns and directions the best is kept. Tables with very
    many items exceed 2e11 multiplications: the most promising prefixes are then
    searched, as in a beam, and `is_exhaustive_` is False.

    Rules are chosen greedily. The cuts of the best conjunction are moved one after the
    other over all values, conditions that raise its score by less than a twentieth are
    dropped, the gap it explains is taken from its people's losses, and the next is
    chosen by what is left. This part is a heuristic.

    The people held out test each rule, one-sided: the p-value is the larger one of a
    Mann-Whitney test of losses inside against outside and a t test of means, and
    q-values are those of Benjamini and Hochberg over all rules chosen. Rules that
    overlap are not independent; where nobody is under-served, the chance of any finding
    is about `fdr` at most.

    References
    ----------
    .. [1] Sagadeeva and Boehm (2021), "SliceLine: fast, linear-algebra-based slice
       finding for ML model debugging", SIGMOD, 2290-2299.

    Examples
    --------
    Errors are three times as large among older smokers:

    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_equity import RuleScanner
    >>> rng = np.random.default_rng(0)
    >>> people = pd.DataFrame(
    ...     {
    ...         "age": rng.integers(40, 70, size=4000),
    ...         "smoker": rng.choice(["no", "yes"], p=[0.7, 0.3], size=4000),
    ...     }
    ... )
    >>> failed = (people["age"] >= 60) & (people["smoker"] == "yes")
    >>> errors = rng.exponential(np.where(failed, 3.0, 1.0))
    >>> scanner = RuleScanner(random_state=0).fit(people, errors)
    >>> scanner.rules_[0].text
    'age >= 60 and smoker = yes'
    >>> older = pd.DataFrame({"age": [65, 45], "smoker": ["yes", "yes"]})
    >>> scanner.predict(older).tolist()
    ['age >= 60 and smoker = yes', 'no rule']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_depth": [Interval(Integral, 1, None, closed="left")],
        "min_subgroup_size": [Interval(Integral, 1, None, closed="left")],
        "max_rules": [Interval(Integral, 1, None, closed="left")],
        "n_cuts": [Interval(Integral, 1, None, closed="left")],
        "max_overlap": [Interval(Real, 0, 1, closed="both")],
        "loss": [StrOptions(set(LOSSES)), callable],
        "holdout": [Interval(Real, 0, 1, closed="left")],
        "fdr": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        max_depth: int = 4,
        min_subgroup_size: int = 50,
        max_rules: int = 20,
        n_cuts: int = 4,
        max_overlap: float = 0.5,
        loss: Loss = "absolute",
        holdout: float = 0.3,
        fdr: float = 0.05,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.max_depth = max_depth
        self.min_subgroup_size = min_subgroup_size
        self.max_rules = max_rules
        self.n_cuts = n_cuts
        self.max_overlap = max_overlap
        self.loss = loss
        self.holdout = holdout
        self.fdr = fdr
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: ArrayLike, y_pred: ArrayLike | None = None) -> Self:
        """Find rules on one part of the people and test them on the other.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            People who did not train the model; numbers, text, categories, with gaps.
        y : array-like of shape (n_rows,)
            The outcome if there is a `y_pred`; classes as 0 and 1. Else the losses:
            any numbers, larger for worse.
        y_pred : array-like of shape (n_rows,), default=None
            The model's predictions; of classes, the probability of 1. With them,
            columns that nearly determine the outcome are named in an
            `OutcomeInputWarning`.

        Returns
        -------
        RuleScanner
            Itself, fitted.

        Raises
        ------
        ValueError
            If there is no `y`, lengths or indexes differ, there are fewer than two
            rows, or a column cannot be read.
        """
        losses = losses_to_learn("RuleScanner", X, y, y_pred, self.loss)
        self._people = PeopleTable.learn(X)
        validate_data(self, X, skip_check_array=True)
        table = self._people.read(X)
        losses = check_numbers(losses, name="y", n_rows=len(table), rows_of="X")
        choosing, testing = self._split(len(table))
        with fit_task(self, X, y, n_parts=2, holds_models=False) as task:
            rules = self._choose(table[choosing], losses[choosing], task)
            self._test(rules, table[testing], losses[testing])
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the worst rule that every person meets.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of `fit`.

        Returns
        -------
        ndarray of str of shape (n_rows,)
            The text of the first rule of `rules_` that matches, or "no rule".
        """
        first = self._first_match(X)
        return np.array([*(rule.text for rule in self.rules_), NO_RULE])[first]

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Say who meets which rule.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_rules)
            1 where a person meets a rule of `rules_`, else 0.
        """
        table = self._read(X)
        members = np.zeros((len(table), len(self.rules_)))
        for k, rule in enumerate(self.rules_):
            members[:, k] = rows_of(rule.items, table)
        return members

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return the loss that rules make one expect of every person.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of `fit`.

        Returns
        -------
        ndarray of shape (n_rows,)
            The mean loss, plus the expected excess of the worst rule that matches; in
            the unit of the loss, larger for those served worse.
        """
        first = self._first_match(X)
        excess = np.array([*(rule.expected_excess for rule in self.rules_), 0.0])
        return np.asarray(self.mean_loss_ + excess[first])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the texts of the rules, which name the columns of `transform`.

        Parameters
        ----------
        input_features : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        ndarray of str of shape (n_rules,)
            One text a rule.
        """
        check_is_fitted(self)
        return np.array([rule.text for rule in self.rules_], dtype=object)

    def to_text(self) -> str:
        """Write the rules for people, one a line.

        Returns
        -------
        str
            The rules, or that none was found among how many.
        """
        check_is_fitted(self)
        if self.rules_:
            return "\n".join(map(str, self.rules_))
        return (
            f"No rule found: none of {len(self.candidates_)} chosen among "
            f"{self.n_candidates_:,} has q <= {self.fdr:g}."
        )

    def to_frame(self) -> Any:
        """Return the rules as a table.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            One row a rule, the columns those of `ScannedRule` without `items`; polars
            if ``sklearn.set_config(transform_output="polars")`` says so.
        """
        check_is_fitted(self)
        columns = [one.name for one in fields(ScannedRule) if one.name != "items"]
        return build_frame(
            {name: [getattr(rule, name) for rule in self.rules_] for name in columns},
            feature="RuleScanner.to_frame",
        )

    # ---- fitting, step by step ---------------------------------------------------
    def _split(self, n_rows: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows that choose and those that test: the same for holdout=0."""
        if n_rows < 2:
            msg = (
                "`X` must have at least 2 rows, one to choose rules and one to test "
                f"them; got n_samples = {n_rows}."
            )
            raise ValueError(msg)
        everybody = np.arange(n_rows)
        if self.holdout == 0:
            return everybody, everybody
        order = check_random_state(self.random_state).permutation(n_rows)
        n_held = min(max(round(self.holdout * n_rows), 1), n_rows - 1)
        return np.sort(order[n_held:]), np.sort(order[:n_held])

    def _choose(
        self, table: NDArray[np.float64], losses: NDArray[np.float64], task: Task
    ) -> list[tuple[Item, ...]]:
        """Scan conjunctions, and choose a few."""
        losses = np.minimum(losses, np.quantile(losses, _WINSORISED_AT))
        found = make_items(
            table,
            self._people.levels,
            n_cuts=self.n_cuts,
            min_rows=self.min_subgroup_size,
        )
        with task.part("search", n_steps(self.max_depth)) as part:
            search = search_conjunctions(
                found.held,
                losses,
                families=found.families,
                max_depth=self.max_depth,
                min_size=self.min_subgroup_size,
                n_kept=max(min(_N_KEPT, _MOST_BYTES // len(table)), self.max_rules),
                least_score=_LEAST_SCORE,
                max_work=_MAX_WORK,
                task=part,
            )
        self.is_exhaustive_ = search.is_exhaustive
        self.n_candidates_ = search.n_candidates
        with task.part("choice"):
            return choose_rules(
                [
                    tuple(found.items[j] for j in one.items)
                    for one in search.conjunctions
                ],
                table,
                losses,
                max_rules=self.max_rules,
                min_size=self.min_subgroup_size,
                max_overlap=self.max_overlap,
                least_score=_LEAST_SCORE,
            )

    def _test(
        self,
        rules: list[tuple[Item, ...]],
        table: NDArray[np.float64],
        losses: NDArray[np.float64],
    ) -> None:
        """Set what the people held out say of the rules."""
        is_tested = self.holdout > 0
        self.mean_loss_ = float(losses.mean())
        self.candidates_ = tuple(
            measure_rules(
                rules,
                [describe_rule(rule, self._people) for rule in rules],
                [rows_of(rule, table) for rule in rules],
                losses,
                is_tested=is_tested,
            )
        )
        kept = [
            rule
            for rule in self.candidates_
            if not is_tested or rule.q_value <= self.fdr
        ]
        self.rules_ = tuple(sorted(kept, key=lambda rule: -rule.expected_excess))

    # ---- using what was found ----------------------------------------------------
    def _read(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        if getattr(X, "ndim", 2) == 2:  # else the reader says what to reshape
            validate_data(self, X, reset=False, skip_check_array=True)
        return self._people.read(X)

    def _first_match(self, X: Any) -> NDArray[np.intp]:
        """Return the number of the first rule that each row meets, or of no rule."""
        table = self._read(X)
        first = np.full(len(table), len(self.rules_))
        for k in reversed(range(len(self.rules_))):
            first[rows_of(self.rules_[k].items, table)] = k
        return first

    def __sklearn_tags__(self) -> Tags:
        """Say that gaps and labels are welcome, and that losses are needed."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags
