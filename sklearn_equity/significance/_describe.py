"""What sets a subgroup apart from everybody else?"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_equity._checks import (
    MissingPolicy,
    SubgroupCodes,
    check_same_order,
    check_subgroups,
)
from sklearn_equity._label_text import format_label, format_labels
from sklearn_equity._numbers import refuse_overflow
from sklearn_equity._optional import build_frame
from sklearn_equity._parallel import check_n_jobs, run
from sklearn_equity.significance._multiple_testing import benjamini_hochberg
from sklearn_equity.significance._permutation import (
    PermutationResult,
    check_n_permutations,
    compare_means,
)
from sklearn_equity.significance._rules import SubgroupRule, find_rule
from sklearn_equity.significance._variables import Variables, read_variables

__all__ = ["SubgroupDescription", "describe_subgroups"]

Vector = NDArray[np.float64]

# The published choice: the five largest subgroups of the quarter that is served worst.
_N_DESCRIBED, _WORST_SHARE = 5, 0.25
_MOST_DESCRIBED = 1000  # each takes a tree, and nobody reads more
_RULE_VALUE = 500.0  # nanoseconds that a value costs in growing a tree, roughly
_NUMBERS = ("n", "mean_in", "mean_out", "difference", "p_value", "q_value")


@dataclass(frozen=True, eq=False, repr=False)
class SubgroupDescription:
    """What sets subgroups apart, a row for each subgroup and variable.

    What `describe_subgroups` returns.

    Parameters
    ----------
    subgroup : tuple
        The label of each row's subgroup.
    variable : tuple of str
        The variable; "column = label" for a column of labels.
    n : ndarray of shape (n_rows,)
        The people of the subgroup.
    mean_in, mean_out : ndarray of shape (n_rows,)
        The mean in the subgroup and of everybody else; of a label, the share who have
        it.
    difference : ndarray of shape (n_rows,)
        Their difference in standard deviations of everybody; 0 for a constant.
    p_value : ndarray of shape (n_rows,)
        How often as many people chosen by chance differ as much.
    q_value : ndarray of shape (n_rows,)
        The p-value adjusted for all rows of the table.
    sets_apart : ndarray of shape (n_rows,)
        Whether the q-value is at most the false discovery rate asked for.
    rules : tuple of SubgroupRule
        A short rule for each subgroup, with its precision and recall.
    verdict : tuple of str, default=()
        The table's verdict on each rule's subgroup: one that is in the worst quarter by
        its estimate may still have "insufficient evidence". Empty without a table.

    See Also
    --------
    describe_subgroups : Makes it.

    Examples
    --------
    >>> from sklearn_equity import describe_subgroups
    >>> found = describe_subgroups([[1], [1], [0], [0]], subgroups=["a", "a", "b", "b"])
    >>> found.variable
    ('x0', 'x0')
    """

    subgroup: tuple[Hashable, ...]
    variable: tuple[str, ...]
    n: NDArray[np.intp]
    mean_in: Vector
    mean_out: Vector
    difference: Vector
    p_value: Vector
    q_value: Vector
    sets_apart: NDArray[np.bool_]
    rules: tuple[SubgroupRule, ...]
    verdict: tuple[str, ...] = ()

    def to_frame(self) -> Any:
        """Return the rows as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The fields but the rules; polars if
            ``sklearn.set_config(transform_output="polars")`` says so.
        """
        columns = {
            "subgroup": format_labels(self.subgroup),
            "variable": list(self.variable),
            **{name: getattr(self, name).tolist() for name in _NUMBERS},
            "sets_apart": self.sets_apart.tolist(),
        }
        return build_frame(columns, feature="SubgroupDescription.to_frame")

    def rules_to_frame(self) -> Any:
        """Return the rules as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            A row for each subgroup: ``subgroup, rule, precision, recall, n_matched,
            n_rows``, and with a table ``verdict``.
        """
        names = ("precision", "recall", "n_matched", "n_rows")
        columns = {
            "subgroup": format_labels(rule.subgroup for rule in self.rules),
            "rule": [rule.text for rule in self.rules],
            **{name: [getattr(rule, name) for rule in self.rules] for name in names},
            **({"verdict": list(self.verdict)} if self.verdict else {}),
        }
        return build_frame(columns, feature="SubgroupDescription.rules_to_frame")

    def __repr__(self) -> str:
        lines = []
        names = format_labels(rule.subgroup for rule in self.rules)
        for position, (name, rule) in enumerate(zip(names, self.rules, strict=True)):
            if self.verdict:
                name += f" ({self.verdict[position]})"
            lines.append(
                f"{name}: {rule.text} (precision {rule.precision:.2f}, recall "
                f"{rule.recall:.2f} on {rule.n_rows:,} rows)"
            )
            mine = [
                i for i, label in enumerate(self.subgroup) if label == rule.subgroup
            ]
            mine.sort(key=lambda i: -abs(self.difference[i]))
            lines += [self._line(i) for i in mine if self.sets_apart[i]]
        return "\n".join(lines)

    def _line(self, i: int) -> str:
        return (
            f"  {self.variable[i]}: {self.mean_in[i]:.4g}, others "
            f"{self.mean_out[i]:.4g} ({self.difference[i]:+.2f} SD, "
            f"q = {self.q_value[i]:.2g})"
        )


def describe_subgroups(
    X: Any,
    *,
    subgroups: Any,
    table: Any = None,
    grouping: str | None = None,
    n_permutations: int = 1000,
    fdr: float = 0.05,
    rule_depth: int = 3,
    honest: bool = True,
    missing: MissingPolicy = "raise",
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> SubgroupDescription:
    r"""Say which variables set subgroups apart, and who is in them as a short rule.

    Every subgroup is compared with everybody else in every variable: the means, their
    difference in standard deviations (0 where alike), a permutation p-value, and a
    q-value for all comparisons together. Differences are trusted from about 30 people a
    subgroup.

    Parameters
    ----------
    X : data frame or array-like of shape (n_rows, n_columns)
        Numbers without gaps, truth values, text or categories. A column of labels
        counts as one variable a label, or as one if it has two.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes)
        One label a row, such as the segments that a segmenter predicts.
    table : SubgroupTable, default=None
        What `subgroup_fidelity` returns for these subgroups, whole: only the five
        largest of the quarter that is served worst are then described, each with its
        verdict: some may have insufficient evidence. None describes all, 1,000 at most.
    grouping : str, default=None
        Which grouping of `table` the subgroups are; needed if it has several.
    n_permutations : int, default=1000
        How often the labels are shuffled. Variables with two values need none.
    fdr : float, default=0.05
        The false discovery rate: of the variables said to set a subgroup apart, at most
        this share is wrong in expectation.
    rule_depth : int, default=3
        The most conditions of a rule, 1 or more.
    honest : bool, default=True
        Make each rule on a random half of the rows and measure its precision and recall
        on the other half. False uses all rows for both, and flatters. Nothing else
        depends on it: see the Notes.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to missing labels, of subgroups and of columns: an error, or a
        label of their own; "drop" leaves rows without a subgroup out, and in columns of
        `X` makes missing labels one of their own.
    random_state : int, RandomState or None, default=None
        Seeds the shuffles, the halves and the trees.
    n_jobs : int or None, default=None
        How many blocks of shuffles, and of rules, at once, as in joblib; the results
        are the same for any number. What takes less than a second is done here.

    Returns
    -------
    SubgroupDescription
        A row for each subgroup and variable, and a rule for each subgroup.

    Raises
    ------
    ValueError
        If numbers are missing, lengths differ, a column has more than 50 different
        labels, an option is out of range, or `table` has other labels than `subgroups`,
        several groupings of which none is said, or picked rows alone.
    TypeError
        If `table` is no table of fidelity.

    See Also
    --------
    permutation_test : The tests alone.
    subgroup_fidelity : Which subgroups are served worst.

    Notes
    -----
    With `table`, 25 variables and the defaults this is the published protocol [1]_: the
    five largest subgroups of the worst quarter by fidelity (by the plain estimate), 125
    tests of 1,000 rounds, Benjamini and Hochberg's procedure at .05. Its tests of one
    variable in several subgroups depend on one another negatively, if weakly;
    ``benjamini_yekutieli(description.p_value)`` holds under any dependence.

    A subgroup made from the variables, as a segment is, differs in some of them by
    construction: the p-values then say which, not that there is a discovery. Those of
    variables that had no part in it are tests proper.

    `honest` covers the rules alone. Which subgroups are the worst is told by the plain
    estimates of the table, and means and tests then use all rows of `X`: a subgroup
    picked by chance is described as truly as any other, but that it is served worst is
    not shown here; `SubgroupTable.verdict` and ``worst(k)`` allow for the picking.
    Tests are of the variables, which do not see the errors of a model: where these are
    independent of the variables, picking by them leaves the p-values as they are. Where
    they are not, use other people for the table than for the description.

    A rule is the node of a shallow tree, its classes balanced, with the best F1. It
    describes; where precision or recall is low, no short rule fits.

    References
    ----------
    .. [1] Carruthers et al. (2022), "Representational ethical model calibration", npj
       Digital Medicine 5, 170.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_equity import describe_subgroups
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({
    ...     "age": rng.uniform(20, 80, size=600).round(),
    ...     "sex": rng.choice(["female", "male"], size=600),
    ...     "height": rng.normal(170, 9, size=600),
    ... })
    >>> segment = np.where((X["age"] > 60) & (X["sex"] == "male"), "A", "B")
    >>> found = describe_subgroups(X, subgroups=segment, random_state=0)
    >>> found.rules[0].text
    'age > 60.5 and sex is male'
    >>> found.rules[0].precision, found.rules[0].recall
    (1.0, 1.0)
    >>> [name for name, apart in zip(found.variable, found.sets_apart) if apart][:2]
    ['age', 'sex = male']
    """
    _check_options(n_permutations, fdr, rule_depth, honest)
    n_jobs = check_n_jobs(n_jobs)
    part = None if table is None else _one_grouping(table, grouping)
    check_same_order(X=X, subgroups=subgroups)
    variables = read_variables(X, missing="raise" if missing == "raise" else "group")
    n_rows = len(variables.table)
    if n_rows:
        refuse_overflow(variables.table, name="X")
    codes = check_subgroups(
        subgroups, n_rows=n_rows, rows_of="X", missing=missing, min_subgroups=2
    )
    if part is None and codes.n_subgroups > _MOST_DESCRIBED:
        msg = (
            f"`subgroups` must hold at most {_MOST_DESCRIBED:,} different labels where "
            f"all are described; got {codes.n_subgroups:,}. With `table`, what "
            "subgroup_fidelity returns, those served worst are."
        )
        raise ValueError(msg)
    kept = codes.codes >= 0
    codes = SubgroupCodes(codes.codes[kept], codes.labels, codes.name)
    variables = Variables(variables.table[kept], variables.variables)
    chosen = range(codes.n_subgroups) if part is None else _worst(part, codes)
    compared = compare_means(
        variables.table,
        codes,
        n_permutations=int(n_permutations),
        random_state=random_state,
        n_jobs=n_jobs,
    )
    rules = _find_rules(
        codes,
        variables,
        chosen,
        depth=int(rule_depth),
        honest=honest,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    described = _describe(compared, variables, list(chosen), float(fdr), rules)
    if part is None:
        return described
    verdict_on = dict(zip(part.subgroup, part.verdict, strict=True))
    verdict = tuple(verdict_on[rule.subgroup] for rule in rules)
    return replace(described, verdict=verdict)


def _check_options(n_permutations: Any, fdr: Any, rule_depth: Any, honest: Any) -> None:
    check_n_permutations(n_permutations)
    if not isinstance(fdr, Real) or not 0.0 < float(fdr) < 1.0:
        raise ValueError(f"`fdr` must lie strictly between 0 and 1; got {fdr!r}.")
    whole = isinstance(rule_depth, Integral) and not isinstance(rule_depth, bool)
    if not whole or rule_depth < 1:
        msg = f"`rule_depth` must be a whole number of at least 1; got {rule_depth!r}."
        raise ValueError(msg)
    if not isinstance(honest, bool | np.bool_):
        raise TypeError(f"`honest` must be True or False; got {honest!r}.")


def _one_grouping(table: Any, grouping: str | None) -> Any:
    """Return the rows of the grouping that is described."""
    if not hasattr(table, "as_loss"):
        msg = (
            "`table` must be what subgroup_fidelity returns; got "
            f"{type(table).__name__}. None describes all subgroups."
        )
        raise TypeError(msg)
    if table.origin == "picked":
        msg = (
            "`table` must be whole: the worst quarter is picked here; got rows picked "
            "as worst. Pass the table before worst(k)."
        )
        raise ValueError(msg)
    if grouping is not None:
        return table.select(grouping)
    names = list(dict.fromkeys(table.grouping))
    if len(names) > 1:
        listed = ", ".join(repr(name) for name in names)
        msg = (
            "`grouping` must say which of the table's groupings the `subgroups` are: "
            f"{listed}."
        )
        raise ValueError(msg)
    return table


def _worst(table: Any, codes: SubgroupCodes) -> list[int]:
    """Return the codes of the largest subgroups of the quarter that is served worst."""
    _check_same_labels(table.subgroup, codes.labels)
    loss = table.as_loss(table.estimate)
    known = np.flatnonzero(np.isfinite(loss))
    n_worst = max(int(np.ceil(_WORST_SHARE * len(known))), 1)
    worst = known[np.argsort(-loss[known], kind="stable")[:n_worst]]
    largest = worst[np.argsort(-table.n[worst], kind="stable")[:_N_DESCRIBED]]
    code_of = {label: code for code, label in enumerate(codes.labels)}
    return [code_of[table.subgroup[i]] for i in largest]


def _check_same_labels(
    in_table: tuple[Hashable, ...], given: tuple[Hashable, ...]
) -> None:
    """Refuse a table of other subgroups: equal labels could mean other people."""
    for some, others, said in (
        (in_table, set(given), "it has the label {}, which they have not"),
        (given, set(in_table), "they have the label {}, which it has not"),
    ):
        absent = [label for label in some if label not in others]
        if absent:
            what = said.format(repr(format_label(absent[0])))
            msg = f"`table` must be of these `subgroups`; {what}."
            raise ValueError(msg)


def _find_rules(
    codes: SubgroupCodes,
    variables: Variables,
    chosen: Iterable[int],
    *,
    depth: int,
    honest: bool,
    random_state: int | np.random.RandomState | None,
    n_jobs: int | None,
) -> tuple[SubgroupRule, ...]:
    seed = None
    if random_state is not None:
        seed = int(check_random_state(random_state).randint(2**31 - 1))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(codes.codes))
    made_on = measured_on = order
    if honest:
        # Half of every subgroup: sorted by label, in random order within.
        by_label = order[np.argsort(codes.codes[order], kind="stable")]
        made_on, measured_on = by_label[::2], by_label[1::2]
    how = {"depth": depth, "made_on": made_on, "measured_on": measured_on}
    tasks = [
        (codes, code, variables, int(rng.integers(2**31 - 1)), how) for code in chosen
    ]
    n_values = len(made_on) * variables.table.shape[1]
    cost = len(tasks) * _RULE_VALUE * n_values
    return tuple(run(_rule_of, tasks, n_jobs=n_jobs, nanoseconds=cost))


def _rule_of(
    codes: SubgroupCodes, code: int, variables: Variables, seed: int, how: Any
) -> SubgroupRule:
    inside = codes.codes == code
    return find_rule(codes.labels[code], inside, variables, seed=seed, **how)


def _describe(
    compared: PermutationResult,
    variables: Variables,
    chosen: list[int],
    fdr: float,
    rules: tuple[SubgroupRule, ...],
) -> SubgroupDescription:
    mean_in, mean_out = compared.mean_in[chosen], compared.mean_out[chosen]
    deviation = variables.table.std(axis=0)
    difference = np.zeros_like(mean_in)
    varies = (np.ptp(variables.table, axis=0) > 0.0) & (deviation > 0.0)
    np.divide(mean_in - mean_out, deviation, out=difference, where=varies)
    q_value = benjamini_hochberg(compared.p_value[chosen].ravel())
    n_variables = len(variables.variables)
    return SubgroupDescription(
        subgroup=tuple(
            compared.subgroup[code] for code in chosen for _ in range(n_variables)
        ),
        variable=tuple(variable.name for variable in variables.variables) * len(chosen),
        n=np.repeat(compared.n[chosen], n_variables),
        mean_in=mean_in.ravel(),
        mean_out=mean_out.ravel(),
        difference=difference.ravel(),
        p_value=compared.p_value[chosen].ravel(),
        q_value=q_value,
        sets_apart=q_value <= fdr,
        rules=rules,
    )
