"""How are the figures of this stage had of a table that stays in its engine?"""

from typing import Any

from sklearn_equity._tables import check_names
from sklearn_equity.allocation._named_columns import keys_of
from sklearn_equity.allocation._scoring import SeverityOptions
from sklearn_equity.allocation._sums import DeteriorationSums

__all__ = ["sums_of_table"]


def sums_of_table(
    data: Any,
    *,
    measurement: Any,
    severity: SeverityOptions,
    subgroups: Any = None,
    allocation: Any = None,
    sample_weight: Any = None,
    scale: Any = None,
    interval: Any = "closed_form",
    **options: Any,
) -> DeteriorationSums:
    """Have the sums made where a lazy table lies, or say what sums do not answer."""
    for name, value, allowed in (
        ("scale", scale, None),
        ("interval", interval, "closed_form"),
    ):
        if value != allowed:
            msg = (
                f"`{name}` must be {allowed!r} for a lazy table, of which sums are all "
                f"that is seen; got {value!r}. Collect the columns to measure it in "
                "memory."
            )
            raise ValueError(msg)
    rules: dict[str, Any] = dict(severity)
    if rules.pop("discrete", "auto") is True:
        rules["bandwidth"] = 0.0
    bandwidth = rules.setdefault("bandwidth", "cdf")
    if isinstance(bandwidth, str):
        msg = (
            "`bandwidth` must be a number for a lazy table, in the unit of the "
            f"measurement: the rule {bandwidth!r} looks at all rows at once. Pass "
            "bandwidth=0 to count people, which of many rows gives next to the same."
        )
        raise TypeError(msg)
    return DeteriorationSums.from_frame(
        data,
        **check_names(
            measurement=measurement, allocation=allocation, sample_weight=sample_weight
        ),
        subgroups=None if subgroups is None else keys_of(subgroups),
        **options,
        **rules,
    )
