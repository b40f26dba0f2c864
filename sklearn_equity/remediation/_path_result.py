"""What did each strength of a remedy do on people whom no model was fitted to?"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._optional import build_frame
from sklearn_equity.remediation._no_harm import NoHarmResult

__all__ = ["RemediationPath"]

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class RemediationPath:
    """Fidelity on held-out rows along the strength of a remedy.

    What `remediation_path` returns; it prints as a table. The first row is the plain
    model, whose strength is NaN.

    Parameters
    ----------
    parameter : str
        The parameter that sets the strength.
    strength : ndarray of shape (n_models,)
        Its values; of dtype object if they are no numbers.
    overall, base, under_served : ndarray of shape (n_models,)
        The metric for everybody, for people of subgroups that the plain model serves
        well, and for those of under-served ones.
    ci_low, ci_high : ndarray of shape (3, n_models)
        The interval of each of these figures by itself, overall, base and under-served
        from the top; NaN where it is not known. All models are asked about the same
        people, so that intervals may overlap where a change is shown.
    gini : ndarray of shape (n_models,)
        The Gini index of the subgroups' metric; NaN where it has no meaning. It holds
        what is sampling error, about the same along the path.
    gini_corrected, gini_low, gini_high : ndarray of shape (n_models,)
        The index without that, and the ends of its interval, as `inequality_index`
        tells them; NaN where they are not known.
    coverage : ndarray of shape (3, n_models)
        The share of everybody, base and under-served who get a prediction: 1, but of
        a remedy that withholds some. Figures are of those who get one.
    n : tuple of int
        How many people: everybody, base, under-served.
    labels : tuple
        The subgroups that are under-served by the plain model.
    verdict : tuple of str
        Of each model: "levelling down", "harms some", "gain without harm", "no harm",
        or "no harm shown" where evidence is missing; "keeps silent" where predictions
        are withheld, which helps nobody whom it leaves out; "plain" for the first.
    no_harm : tuple of NoHarmResult
        The test of each strength against the plain model.
    metric : str
        What was measured.
    greater_is_better : bool
        Its orientation.
    confidence_level : float
        The coverage of each interval, and the level of each no-harm test.

    See Also
    --------
    remediation_path : Makes such a result.
    RemediationPathDisplay : Draws it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import SubgroupOversampler, remediation_path
    >>> ward = np.repeat(["A", "B"], [600, 200])
    >>> X = np.tile(np.arange(200.0), 4)[:, None]
    >>> y = 10 + np.where(ward == "A", 2, 1) * X[:, 0]
    >>> path = remediation_path(
    ...     SubgroupOversampler(LinearRegression()), X, y, subgroups=ward,
    ...     strengths=[2, 4], random_state=0,
    ... )
    >>> path.verdict
    ('plain', 'levelling down', 'levelling down')
    """

    parameter: str
    strength: NDArray[Any]
    overall: Vector
    base: Vector
    under_served: Vector
    ci_low: Vector
    ci_high: Vector
    gini: Vector
    gini_corrected: Vector
    gini_low: Vector
    gini_high: Vector
    coverage: Vector
    n: tuple[int, int, int]
    labels: tuple[Hashable, ...]
    verdict: tuple[str, ...]
    no_harm: tuple[NoHarmResult, ...]
    metric: str
    greater_is_better: bool
    confidence_level: float

    @property
    def model(self) -> tuple[str, ...]:
        """What each model is called: "plain", then by its strength."""
        as_text = "{:g}".format if self.strength.dtype.kind == "f" else str
        return ("plain", *map(as_text, self.strength[1:].tolist()))

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the table as columns by name, one row a model."""
        names = ("overall", "base", "under_served", "gini")
        is_number = self.strength.dtype.kind == "f"
        harmed = [(), *(result.harmed for result in self.no_harm)]
        improved = [(), *(result.improved for result in self.no_harm)]
        return {
            "strength": self.strength.tolist() if is_number else list(self.model),
            **{name: getattr(self, name).tolist() for name in names},
            **{
                f"{name}_{end}": values[i].tolist()
                for i, name in enumerate(names[:3])
                for end, values in (("low", self.ci_low), ("high", self.ci_high))
            },
            **{
                name: getattr(self, name).tolist()
                for name in ("gini_corrected", "gini_low", "gini_high")
            },
            **{
                "coverage" if i == 0 else f"coverage_{name}": self.coverage[i].tolist()
                for i, name in enumerate(names[:3])
            },
            "n_harmed": [len(names) for names in harmed],
            "n_improved": [len(names) for names in improved],
            "verdict": list(self.verdict),
        }

    def to_frame(self) -> Any:
        """Return the rows as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The columns of `to_columns`; polars if
            ``sklearn.set_config(transform_output="polars")`` says so.
        """
        return build_frame(self.to_columns(), feature="RemediationPath.to_frame")

    def __repr__(self) -> str:
        names = ("overall", "base", "under_served", "gini")
        everybody, base, under_served = self.n
        silent = bool((self.coverage < 1.0).any())
        lines = [
            f"{self.metric}, on {everybody:,} held-out people: {base:,} base, "
            f"{under_served:,} under-served ({len(self.labels)} subgroups)",
            f"{self.parameter:>14} "
            + " ".join(f"{name:>12}" for name in names)
            + (f" {'coverage':>9}" if silent else ""),
        ]
        for i, model in enumerate(self.model):
            figures = " ".join(f"{getattr(self, name)[i]:>12.4g}" for name in names)
            figures += f" {self.coverage[0, i]:>9.1%}" if silent else ""
            lines.append(f"{model:>14} {figures}  {self.verdict[i]}")
        if silent:
            lines.append(
                "Figures are of those who get a prediction. Who gets none, and is made "
                "no better: excluded_who."
            )
        return "\n".join(lines)
