"""How does a scorer learn whose row is whose, wherever scikit-learn calls it?"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import is_classifier

from sklearn_equity._checks import check_subgroups
from sklearn_equity._sklearn_shims import (
    BaseScorer,
    MetadataRequest,
    cached_call,
    check_response_method,
    enclosing_call,
    num_samples,
    safe_indexing,
    shared_response,
)
from sklearn_equity.scorers._callers import never_as_a_nan
from sklearn_equity.scorers._sources import MetadataSource, Source

__all__ = ["SourcedScorer"]


class Measure(Protocol):
    """What a scorer makes of the truth, a model's response and its sources' values."""

    @property
    def __name__(self) -> str:
        """The name in dictionaries, without "neg_"."""

    def __call__(self, y_true: Any, y_pred: Any) -> float:
        """Ask the sources, which see the truth alone, and measure; or refuse to."""

    @property
    def measure(self) -> Callable[..., float]:
        """The same with values that the sources gave, passed by keyword."""


class SourcedScorer(BaseScorer):
    """A scorer that finds beside X and y what its measure needs of every row.

    Parameters
    ----------
    measure : Measure
        What is made of the truth, a response and what the sources find. Some tools keep
        it and nothing else of a scorer: called itself, it asks the sources or refuses.
    sign : int
        1 if a higher measure is better, -1 if a lower one is.
    response_method : str or sequence of str
        What a model is asked for.
    sources : mapping of str to Source
        For each argument of the measure, where its values come from.
    """

    def __init__(
        self,
        measure: Measure,
        sign: int,
        response_method: Any,
        sources: Mapping[str, Source],
    ) -> None:
        super().__init__(measure, sign, {}, response_method)
        self._sources = dict(sources)

    @property
    def __name__(self) -> str:
        return ("neg_" if self._sign < 0 else "") + self._score_func.__name__

    # -- scoring -------------------------------------------------------------------
    def __call__(
        self,
        estimator: Any,
        X: Any,
        y_true: Any = None,
        *,
        sample_weight: Any = None,
        **metadata: Any,
    ) -> float:
        """Score a model on some rows.

        Parameters
        ----------
        estimator : object
            A fitted model.
        X : array-like or data frame of shape (n_rows, n_features)
            What the model predicts from.
        y_true : array-like of shape (n_rows,)
            The truth.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w counts a row w times.
        **metadata : array-like of shape (n_rows,)
            Values of sources that were left to metadata, by the argument's name.

        Returns
        -------
        float
            The score; greater is better.
        """
        if sample_weight is not None:
            metadata["sample_weight"] = sample_weight
        return self._score(partial(cached_call, None), estimator, X, y_true, **metadata)

    def _score(
        self,
        method_caller: Callable[..., Any],
        estimator: Any,
        X: Any,
        y_true: Any,
        **metadata: Any,
    ) -> float:
        with never_as_a_nan():
            self._check_model(estimator)
        method = check_response_method(estimator, self._response_method).__name__
        with never_as_a_nan():
            pos_label = self._class_asked_for(estimator, method)
        response = _ask(method_caller, estimator, method, X, pos_label)
        with never_as_a_nan():
            found = self._find(X, y_true, metadata)
            return self._sign * self._measure(estimator, y_true, response, found)

    def _measure(
        self, estimator: Any, y_true: Any, response: Any, found: dict[str, Any]
    ) -> float:
        del estimator  # for scorers that ask the model for more than its response
        return self._score_func.measure(y_true, response, **found)

    def _class_asked_for(self, estimator: Any, method: str) -> Any:
        """Return the class that scores are about; refuse one that was never learnt.

        Labels are about all classes: what there is to refuse, the metric itself does.
        """
        if method == "predict" or not is_classifier(estimator):
            return None
        pos_label, known = self._pos_label(), np.asarray(estimator.classes_).tolist()
        if len(known) < 2:
            msg = (
                f"The model met no class but {known} in its training rows, so that its "
                f"{method} ranks nobody. Use folds that hold every class, such as "
                "those of StratifiedKFold or SubgroupStratifiedKFold."
            )
            raise ValueError(msg)
        if len(known) == 2 and pos_label not in (None, *known):
            msg = (
                f"`{self.__name__}` is about pos_label={pos_label!r}, but the model's "
                f"classes are {known}. Say which of them is meant: "
                f"make_scorer(..., pos_label={known[-1]!r})."
            )
            raise ValueError(msg)
        return pos_label

    def _check_model(self, estimator: Any) -> None:
        """Refuse a model of which the measure means nothing."""

    def _accept_sample_weight(self) -> bool:
        """Tell scikit-learn, and ourselves, whether rows can count by weight."""
        return True

    def _pos_label(self) -> Any:
        """Return the class that responses are about; None for the greatest label."""
        return None

    def _find(self, X: Any, y: Any, metadata: dict[str, Any]) -> dict[str, Any]:
        """Collect the values of every source, and the weights."""
        given = dict(metadata)
        found = {
            argument: _take(source, X, y, given.pop(argument, None))
            for argument, source in self._sources.items()
        }
        if self._accept_sample_weight():
            found["sample_weight"] = given.pop("sample_weight", None)
        if given:
            msg = f"{self!r} takes {sorted(found)} beside X and y; got {sorted(given)}."
            raise TypeError(msg)
        return found

    # -- metadata routing ----------------------------------------------------------
    def _get_metadata_request(self) -> MetadataRequest:
        """Request what is left to metadata, without having to be asked to."""
        # The owner is only displayed; the scorer itself would be copied with it.
        request = MetadataRequest(owner=repr(self))
        for argument, source in self._sources.items():
            if isinstance(source, MetadataSource):
                alias = source.metadata_name
                request.score.add_request(
                    param=argument, alias=True if alias == argument else alias
                )
        if self._accept_sample_weight():
            request.score.add_request(param="sample_weight", alias=None)
        for argument, alias in getattr(self, "_asked_requests", {}).items():
            request.score.add_request(param=argument, alias=alias)
        return request

    def set_score_request(self, **requests: bool | str | None) -> Self:
        """Set which metadata the scorer asks for, beside those asked for by default.

        Parameters
        ----------
        **requests : bool, str or None
            For `sample_weight` or another argument: whether it is asked for, or by
            which name.

        Returns
        -------
        object
            The scorer itself.
        """
        if not get_config()["enable_metadata_routing"]:
            msg = (
                "set_score_request needs metadata routing: call "
                "sklearn.set_config(enable_metadata_routing=True) first."
            )
            raise RuntimeError(msg)
        self._asked_requests = {**getattr(self, "_asked_requests", {}), **requests}
        return self


def _ask(
    method_caller: Callable[..., Any],
    estimator: Any,
    method: str,
    X: Any,
    pos_label: Any,
) -> NDArray[Any]:
    """Get the model's response. What it raises is the model's fault, not ours."""
    response = np.asarray(
        shared_response(method_caller, estimator, method, X, pos_label)
    )
    if response.dtype.kind == "f" and not np.isfinite(response).all():
        msg = (
            f"The model's {method} gave values that are not finite for "
            f"{int((~np.isfinite(response)).sum())} of {response.size} values."
        )
        raise ValueError(msg)
    return response


def _take(source: Source, X: Any, y: Any, metadata: Any) -> Any:
    """Take the values of a source, unless a permutation of X has mixed them up."""
    values = source.take(X, y, metadata)
    call = enclosing_call("_calculate_permutation_scores")
    if call is None:
        return values
    rows = call.get("row_indices")  # there if only a sample of the rows is scored
    before = source.take(
        call["X"] if rows is None else safe_indexing(call["X"], rows), y, metadata
    )
    n_rows = num_samples(X)
    ours, theirs = (
        check_subgroups(labels, n_rows=n_rows, missing="group")
        for labels in (values, before)
    )
    if ours.labels != theirs.labels or not np.array_equal(ours.codes, theirs.codes):
        argument = source.argument
        msg = (
            f"permutation_importance shuffled what `{argument}`={source!r} reads, and "
            "so the people among the subgroups: the drop in score would mix the "
            "feature's importance with that. What works here: "
            f"`{argument}` as a pandas Series with the index of X."
        )
        raise ValueError(msg)
    return values
