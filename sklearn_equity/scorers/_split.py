"""How is a cohort cut into folds so that each fold holds every subgroup?"""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from sklearn_equity._checks import MissingPolicy, SubgroupCodes, check_subgroups
from sklearn_equity._label_text import format_label
from sklearn_equity._numbers import check_numbers
from sklearn_equity._sklearn_shims import MetadataRequest, num_samples
from sklearn_equity.fidelity import QuantileBands
from sklearn_equity.scorers._sources import MetadataSource, make_source

__all__ = ["SubgroupStratifiedKFold"]

_MOST_CLASSES = 20  # a number with more distinct values is cut into bins


class SubgroupStratifiedKFold(BaseCrossValidator):
    """K folds, each of which holds every subgroup in proportion, and y within it.

    Parameters
    ----------
    n_splits : int, default=5
        The number of folds, 2 or more.
    subgroups : source of labels, default=None
        Where the label of each row is found: a column of X or several, a fitted
        segmenter, a pandas Series by index, a function of X; or None for metadata named
        `subgroups`. See `equity_scorer`.
    n_bins : int, default=4
        The number of bins into which a y with more than 20 distinct numbers is cut
        within each subgroup, at most; other values are classes. 1 ignores y.
    shuffle : bool, default=False
        Whether rows that are alike are dealt in random instead of their own order.
    random_state : int, RandomState or None, default=None
        Seeds the shuffling.
    missing : {"raise", "group"}, default="raise"
        What happens to rows whose label is missing: refused, or a subgroup of their
        own.

    See Also
    --------
    equity_scorer : Scores that need every subgroup in every fold.
    sklearn.model_selection.StratifiedKFold : The same by classes of y alone.

    Notes
    -----
    Rows are sorted by subgroup, within it by class or bin of y, and dealt to the folds
    one after the other like cards, each subgroup beginning where the one before
    ended. So the number of rows of a subgroup differs by at most one between folds, as
    does that of all rows; a class or bin within a subgroup differs by at most one
    too. Equal values of y are never separated by the cut into bins.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_equity.scorers import SubgroupStratifiedKFold
    >>> X = pd.DataFrame({"ward": ["north"] * 8 + ["south"] * 4})
    >>> folds = SubgroupStratifiedKFold(4, subgroups="ward")
    >>> for _, test in folds.split(X, np.arange(12.0)):
    ...     print(X["ward"].iloc[test].value_counts().to_dict())
    {'north': 2, 'south': 1}
    {'north': 2, 'south': 1}
    {'north': 2, 'south': 1}
    {'north': 2, 'south': 1}
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        subgroups: Any = None,
        n_bins: int = 4,
        shuffle: bool = False,
        random_state: int | RandomState | None = None,
        missing: MissingPolicy = "raise",
    ) -> None:
        for name, value, least in (("n_splits", n_splits, 2), ("n_bins", n_bins, 1)):
            if not isinstance(value, Integral) or value < least:
                msg = f"`{name}` must be a whole number from {least} on; got {value!r}."
                raise ValueError(msg)
        if random_state is not None and not shuffle:
            msg = "`random_state` has no effect without shuffle=True: leave it out."
            raise ValueError(msg)
        if missing not in ("raise", "group"):
            msg = (
                f'`missing` must be "raise" or "group"; got {missing!r}. Every row has '
                "to be in a fold: none can be dropped."
            )
            raise ValueError(msg)
        make_source(subgroups, argument="subgroups", metadata_name="subgroups")
        self.n_splits = n_splits
        self.subgroups = subgroups
        self.n_bins = n_bins
        self.shuffle = shuffle
        self.random_state = random_state
        self.missing = missing

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        int
            The number of folds.
        """
        del X, y, groups
        return self.n_splits

    def split(
        self, X: Any, y: Any = None, groups: Any = None, *, subgroups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the rows of each training and test set.

        Parameters
        ----------
        X : array-like or data frame of shape (n_rows, n_features)
            The rows to split.
        y : array-like of shape (n_rows,), default=None
            The target, to be spread over folds within each subgroup.
        groups : object, default=None
            Ignored: people who must stay together are not the same as subgroups.
        subgroups : array-like of shape (n_rows,), default=None
            Labels, where the splitter has no source of its own.

        Yields
        ------
        train, test : ndarray
            Positions of rows, ascending.

        Raises
        ------
        ValueError
            If labels are missing, not found or of another number than rows, or a
            subgroup has fewer rows than there are folds.
        """
        del groups
        fold = self._assign(X, y, subgroups)
        for k in range(self.n_splits):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)

    def _assign(self, X: Any, y: Any, metadata: Any) -> NDArray[np.intp]:
        """Number the fold of every row."""
        n_rows = num_samples(X)
        labels = self._source().take(X, y, metadata)
        codes = check_subgroups(
            labels, n_rows=n_rows, rows_of="X", missing=self.missing
        )
        self._refuse_small(codes)
        order = np.arange(n_rows)
        if self.shuffle:
            order = check_random_state(self.random_state).permutation(n_rows)
        strata = self._bins(y, codes)
        order = order[np.lexsort((strata[order], codes.codes[order]))]
        fold = np.empty(n_rows, dtype=np.intp)
        fold[order] = np.arange(n_rows) % self.n_splits
        return fold

    def _source(self) -> Any:
        return make_source(
            self.subgroups, argument="subgroups", metadata_name="subgroups"
        )

    def _refuse_small(self, codes: SubgroupCodes) -> None:
        counts = codes.counts()
        small = np.flatnonzero(counts < self.n_splits)
        if len(small):
            listed = ", ".join(
                f"{format_label(codes.labels[code])} ({counts[code]} rows)"
                for code in small[:5]
            )
            msg = (
                f"Every subgroup of `{codes.name}` must have at least `n_splits`="
                f"{self.n_splits} rows, one a fold; too small: {listed}"
                f"{', ...' if len(small) > 5 else ''}. Use fewer folds, or merge small "
                "subgroups first."
            )
            raise ValueError(msg)

    def _bins(self, y: Any, codes: SubgroupCodes) -> NDArray[np.intp]:
        """Number the class of every row, or the bin of its y within its subgroup."""
        bins = np.zeros(len(codes.codes), dtype=np.intp)
        if y is None or self.n_bins == 1:
            return bins
        classes = check_subgroups(y, n_rows=len(bins), name="y", rows_of="X")
        if classes.n_subgroups <= _MOST_CLASSES or isinstance(classes.labels[0], str):
            return classes.codes
        target = check_numbers(y, name="y")
        for code in range(codes.n_subgroups):
            rows = codes.codes == code
            cuts = QuantileBands(self.n_bins).fit(target[rows]).edges_
            bins[rows] = np.searchsorted(cuts, target[rows], side="right")
        return bins

    def _get_metadata_request(self) -> MetadataRequest:
        """Request labels where the splitter has no source of its own."""
        request = MetadataRequest(owner=type(self).__name__)
        if isinstance(self._source(), MetadataSource):
            request.split.add_request(param="subgroups", alias=True)
        return request
