"""To which of the subgroups that a remedy knows does a new row belong?

Remedies that treat subgroups differently must tell them apart when they predict: by the
segmenter, by columns of X, or by the labels that are passed again.
"""

from collections.abc import Hashable
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import SubgroupCodes, take_columns
from sklearn_equity._factorize import DROPPED
from sklearn_equity._fit_tasks import Task
from sklearn_equity._sklearn_shims import num_samples
from sklearn_equity.remediation._calibration import Folds
from sklearn_equity.remediation._inputs import number_labels
from sklearn_equity.remediation._subgroup_remedy import N_FOLDS, SubgroupRemedy


class KnownSubgroups(SubgroupRemedy):
    """A remedy that predicts subgroup by subgroup, or knows none."""

    # Nothing is measured on rows that a model was fitted to.
    measured_on: Literal["cv", "train"] = "cv"
    _labels: tuple[Hashable, ...]
    _were_passed: bool

    # Whoever passes labels to fit is asked for them again by whatever predicts.
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"subgroups": True}
    __metadata_request__predict_proba: ClassVar[dict[str, bool]] = {"subgroups": True}
    __metadata_request__predict_log_proba: ClassVar[dict[str, bool]] = {
        "subgroups": True
    }
    __metadata_request__score: ClassVar[dict[str, bool]] = {"subgroups": True}

    def _folds(
        self, X: Any, y: NDArray[Any], random_state: np.random.RandomState
    ) -> Folds:
        """Cut rows into folds, each of which is predicted from the others."""
        if len(y) < N_FOLDS:
            msg = (
                f"{type(self).__name__} needs at least {N_FOLDS} rows of `X`, one for "
                f"each fold; got n_samples={len(y)}."
            )
            raise ValueError(msg)
        return self._split(X, y, random_state) or []

    def _learn_subgroups(
        self, X: Any, subgroups: Any, n_rows: int, task: Task
    ) -> SubgroupCodes:
        """Number the subgroups of fit; without any, everybody is one."""
        self._were_passed = subgroups is not None
        if subgroups is None and self.segmenter is None:
            self.segmenter_ = None
            codes = SubgroupCodes(np.zeros(n_rows, dtype=np.intp), ("all",), "all")
        else:
            codes = self._find_subgroups(X, subgroups, n_rows, task)
        self._labels = codes.labels
        return codes

    def _place(self, X: Any, subgroups: Any) -> NDArray[np.intp]:
        """Return the subgroup of each new row; ``DROPPED`` for one unknown to fit."""
        n_rows = num_samples(X)
        if self._were_passed != (subgroups is not None):
            came = "none" if self._were_passed else "some"
            must = "needs" if self._were_passed else "takes no"
            msg = (
                f"`subgroups`: this {type(self).__name__} {must} labels of new rows, "
                f"as those of `fit`; got {came}. Pass predict(X, subgroups=labels) if "
                "they were passed to fit; a `segmenter`, or names of columns, spares "
                "them."
            )
            raise ValueError(msg)
        name, labels = "subgroups", subgroups
        if not self._were_passed:
            if self.segmenter is None:
                return np.zeros(n_rows, dtype=np.intp)
            name, labels = "segmenter", self._segments(X)
        codes = number_labels(labels, n_rows, name=name)
        known = {label: code for code, label in enumerate(self._labels)}
        found = np.array([known.get(label, DROPPED) for label in codes.labels])
        return np.asarray(found[codes.codes], dtype=np.intp)

    def _segments(self, X: Any) -> Any:
        if self.segmenter_ is not None:
            return self.segmenter_.predict(X)
        names = self.segmenter
        columns = [names] if isinstance(names, str) else list(names)
        return take_columns(X, columns, name="segmenter").to_native()
