"""What does a remedied model offer its user? All that the model inside it does.

The base of every remedy that wraps an estimator and, in ``fit``, leaves the remedied
model in ``estimator_``.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._sklearn_shims import CallbackSupportMixin


def wrapped_has(method: str) -> Callable[["RemediedModel"], bool]:
    """Offer a method where the wrapped estimator has it."""

    def check(remedied: "RemediedModel") -> bool:
        wrapped = getattr(remedied, "estimator_", remedied.estimator)
        getattr(wrapped, method)  # its own AttributeError says why not
        return True

    return check


class RemediedModel(CallbackSupportMixin, MetaEstimatorMixin, BaseEstimator):
    """A meta-estimator that answers by its fitted ``estimator_``."""

    estimator: Any
    estimator_: Any

    @available_if(wrapped_has("predict"))
    def predict(self, X: Any) -> Any:
        """Predict by the remedied model.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_rows,)
            What the wrapped estimator predicts.
        """
        return self._fitted().predict(X)

    @available_if(wrapped_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Predict class probabilities by the remedied model.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Probabilities in the order of ``classes_``.
        """
        return self._fitted().predict_proba(X)

    @available_if(wrapped_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Any:
        """Predict logarithms of class probabilities by the remedied model.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Logarithms in the order of ``classes_``.
        """
        return self._fitted().predict_log_proba(X)

    @available_if(wrapped_has("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Decision values of the remedied model.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
            Values that are higher for the more likely class.
        """
        return self._fitted().decision_function(X)

    @available_if(wrapped_has("score"))
    def score(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score the remedied model by the wrapped estimator's own score.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows to predict.
        y : array-like of shape (n_rows,)
            Their target.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights, where the wrapped estimator's score takes them.

        Returns
        -------
        float
            R2 for most regressors, accuracy for most classifiers.
        """
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self._fitted().score(X, y, **given)

    def _fitted(self) -> Any:
        check_is_fitted(self, "estimator_")
        return self.estimator_

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes of the wrapped classifier."""
        return self.estimator_.classes_

    @property
    def n_features_in_(self) -> int:
        """The number of features that the wrapped estimator saw."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """The names of the features that the wrapped estimator saw."""
        return self.estimator_.feature_names_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        wrapped = get_tags(self.estimator)
        tags.estimator_type = wrapped.estimator_type
        tags.classifier_tags = wrapped.classifier_tags
        tags.regressor_tags = wrapped.regressor_tags
        tags.input_tags = replace(wrapped.input_tags)
        tags.target_tags = replace(
            wrapped.target_tags, required=True, multi_output=False
        )
        return tags

    def get_metadata_routing(self) -> MetadataRouter:
        """Say what metadata is used here and what is passed to the wrapped estimator.

        Returns
        -------
        MetadataRouter
            Its routing.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
        )
