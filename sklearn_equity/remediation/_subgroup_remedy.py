"""What do all remedies for subgroups share? Who is who, a metric, and folds.

The base of remedies that measure a model in subgroups inside ``fit``.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import process_routing

from sklearn_equity._checks import SubgroupCodes, take_columns
from sklearn_equity._fit_tasks import NO_TASK, Task
from sklearn_equity._outcome_inputs import warn_of_outcome_inputs
from sklearn_equity.fidelity import Metric, resolve_metric
from sklearn_equity.remediation._calibration import Folds
from sklearn_equity.remediation._inputs import number_labels
from sklearn_equity.remediation._metric_of_target import MetricOfTarget
from sklearn_equity.remediation._remedied_model import RemediedModel

N_FOLDS = 5  # of the cross-validation behind measured_on="cv"


def metric_asked(remedy: Any) -> Any:
    """Return the metric of a remedy, or what it takes if none was asked for."""
    metric = getattr(remedy, "metric", None)
    if metric is not None:
        return metric
    if is_classifier(remedy.estimator):
        return "accuracy"
    return getattr(remedy, "_metric_of_numbers", "rmse")


class SubgroupRemedy(RemediedModel):
    """A remedied model whose remedy depends on how it serves subgroups."""

    segmenter: Any
    segmenter_: Any
    metric: str | Callable[..., float] | Metric | None
    measured_on: Literal["cv", "train"]
    # What None means for a regressor, and whether probabilities can be measured.
    _metric_of_numbers: ClassVar[str] = "rmse"
    _asks_scores: ClassVar[bool] = False

    # The word is this library's own: no pipeline or search needs to be asked for it.
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"subgroups": True}

    def _check_metric(self, y: NDArray[Any]) -> MetricOfTarget:
        metric = resolve_metric(metric_asked(self))
        classifies = is_classifier(self.estimator)
        if metric.response != "predict" and self._asks_scores:
            return MetricOfTarget.of_scores(metric, y, self.estimator)
        return MetricOfTarget.of(metric, y, is_classifier=classifies)

    def _route_to_estimator(
        self, subgroups: Any, weights: NDArray[np.float64] | None
    ) -> dict[str, Any]:
        """Return what the wrapped estimator's ``fit`` gets besides X and y."""
        given = {
            name: value
            for name, value in (("subgroups", subgroups), ("sample_weight", weights))
            if value is not None
        }
        if get_config()["enable_metadata_routing"]:
            return dict(process_routing(self, "fit", **given)["estimator"]["fit"])
        given.pop("subgroups", None)
        return given

    def _split(
        self, X: Any, y: NDArray[Any], random_state: np.random.RandomState
    ) -> Folds | None:
        if self.measured_on == "train":
            return None
        if len(y) < N_FOLDS:
            msg = (
                f'`measured_on`="cv" needs at least {N_FOLDS} rows of `X`, one for '
                f"each fold; got n_samples={len(y)}. Use more rows, or "
                'measured_on="train".'
            )
            raise ValueError(msg)
        splitter = StratifiedKFold if is_classifier(self.estimator) else KFold
        folds = splitter(N_FOLDS, shuffle=True, random_state=random_state)
        return list(folds.split(X, y))

    @property
    def _n_segmenters(self) -> int:
        """How many segmenters are fitted, each a part of the fit."""
        return int(hasattr(self.segmenter, "fit"))

    def _find_subgroups(
        self, X: Any, subgroups: Any, n_rows: int, task: Task = NO_TASK
    ) -> SubgroupCodes:
        """Number the subgroups that were passed, or that are learnt from X."""
        name = "subgroups"
        if (subgroups is None) == (self.segmenter is None):
            came = "neither" if subgroups is None else "both"
            msg = (
                "`subgroups` or a `segmenter` must say who belongs together, and not "
                f"both; got {came}. Pass fit(X, y, subgroups=labels), or "
                f"{type(self).__name__}(..., segmenter=...). Pipelines and searches "
                "pass subgroups on after "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
            raise ValueError(msg)
        self.segmenter_ = None
        if isinstance(self.segmenter, str | list | tuple):
            names = self.segmenter
            columns = [names] if isinstance(names, str) else list(names)
            name = "segmenter"
            subgroups = take_columns(X, columns, name=name).to_native()
        elif self.segmenter is not None:
            # Without y: segments selected on the outcome would turn oversampling into
            # a shift of its distribution. FrozenEstimator wants to be told.
            part = task.part("segmenter")
            self.segmenter_ = part.fit(clone(self.segmenter), X, None)
            name, subgroups = "segmenter", self.segmenter_.predict(X)
        return number_labels(subgroups, n_rows, name=name, at_least=2)

    def _warn_of_outcome_columns(
        self, X: Any, y: NDArray[Any], *, stacklevel: int
    ) -> None:
        """Warn of named columns that nearly determine the outcome, such as its bands.

        To emphasise people selected on the outcome moves predictions towards it.
        """
        if isinstance(self.segmenter, str | list | tuple):
            names = self.segmenter
            columns = [names] if isinstance(names, str) else list(names)
            table = take_columns(X, columns, name="segmenter").to_native()
            warn_of_outcome_inputs(table, y, stacklevel=stacklevel)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if hasattr(self.segmenter, "fit"):
            segmenter_tags = get_tags(self.segmenter).input_tags
            tags.input_tags.sparse &= segmenter_tags.sparse
            tags.input_tags.allow_nan &= segmenter_tags.allow_nan
        # The default metric divides by the mean of the target.
        tags.target_tags.positive_only |= metric_asked(self) == "nrmse"
        return tags
