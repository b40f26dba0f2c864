"""Audit predictions that lie in a file, whoever made them and wherever."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, cross_val_predict

from sklearn_equity._baseline import (
    baseline_classifier,
    baseline_regressor,
    baseline_segmenter,
    say_how_stable,
)
from sklearn_equity._checks import take_columns
from sklearn_equity._numbers import check_numbers
from sklearn_equity._optional import import_optional
from sklearn_equity.fidelity import resolve_metric
from sklearn_equity.report import LEARNT, AuditResult, audit_frame, resolve_groupings

N_STAGES = 4
_PREDICTED = "cross-validated prediction"
_READERS = {".csv": "read_csv", ".parquet": "read_parquet", ".pq": "read_parquet"}


@dataclass(frozen=True)
class TableAudit:
    """One request of the command line, in the words of its options."""

    path: Path
    target: str
    prediction: str | None
    subgroups: Sequence[str]
    features: Sequence[str]
    n_segments: int
    metric: str
    normalization: Any
    seed: int

    def run(self, *, begin: Callable[[str], None]) -> AuditResult:
        """Read, check everything, then model and segment if asked, and audit."""
        begin(f"reading {self.path.name}")
        table = read_table(self.path)
        groupings: dict[str, Any] = {
            name: _specification(name, table) for name in self.subgroups
        }
        self._check(table, groupings)

        notes = []
        prediction = self.prediction
        if prediction is None:
            begin("cross-validating a plain model of the features")
            table = table.assign(**{_PREDICTED: self._cross_validate(table)})
            prediction = _PREDICTED
            notes.append(
                "No predictions were given: those audited here come from boosted trees "
                f"on {len(self.features)} features, each row predicted by a model that "
                "was fitted on other rows (5-fold cross-validation)."
            )
        if self.features:
            begin("embedding and segmenting the features")
            features = table[list(self.features)]
            segmenter = baseline_segmenter(n_segments=self.n_segments, seed=self.seed)
            groupings[LEARNT] = segmenter.fit(features).predict(features)
            notes.append(
                f"The learnt segments divide the people by {len(self.features)} "
                "features; neither the target nor the prediction is among them. "
                + say_how_stable(segmenter, self.n_segments)
            )
        begin("measuring fidelity in every subgroup")
        result = audit_frame(
            table,
            y_true=self.target,
            y_pred=prediction,
            subgroups=groupings,
            metric=self.metric,
            normalization=self.normalization,
            missing="group",
            random_state=self.seed,
        )
        if self.prediction is None:
            result = replace(result, model="Boosted trees, cross-validated")
        return result.with_findings(notes=notes)

    def _check(self, table: Any, groupings: dict[str, Any]) -> None:
        """Refuse what can't be audited before any model is fitted."""
        metric = resolve_metric(self.metric, normalization=self.normalization)
        if metric.n_predictions != 1:
            msg = (
                f"--metric {metric.name} needs {metric.n_predictions} predictions a "
                "row; the command reads one column. Use subgroup_fidelity in Python."
            )
            raise ValueError(msg)
        if self.n_segments < 2:
            msg = f"--segments must be at least 2; got {self.n_segments}."
            raise ValueError(msg)
        take_columns(table, [self.target], name="--target")
        check_numbers(table[self.target], name=f"--target {self.target}")
        if self.prediction is None and not self.features:
            msg = (
                "give --prediction with the column of the model's predictions, or "
                "--features to audit a plain model of them; got neither."
            )
            raise ValueError(msg)
        if self.prediction is not None:
            take_columns(table, [self.prediction], name="--prediction")
            check_numbers(
                table[self.prediction], name=f"--prediction {self.prediction}"
            )
        take_columns(table, self.features, name="--features")
        leaks = [
            name for name in self.features if name in {self.target, self.prediction}
        ]
        if leaks:
            msg = (
                f"--features must not name the target or the prediction; got {leaks}. "
                "Segments made from an outcome find only the outcome."
            )
            raise ValueError(msg)
        resolve_groupings(groupings, table, n_rows=len(table), missing="group")

    def _cross_validate(self, table: Any) -> np.ndarray:
        metric = resolve_metric(self.metric, normalization=self.normalization)
        of_classes = metric.task == "classification"
        baseline = baseline_classifier if of_classes else baseline_regressor
        in_shares = of_classes and metric.response != "predict"
        predicted = cross_val_predict(
            baseline(seed=self.seed),
            table[list(self.features)],
            table[self.target],
            cv=KFold(5, shuffle=True, random_state=self.seed),
            method="predict_proba" if in_shares else "predict",
        )
        return predicted[:, 1] if in_shares else predicted


def _specification(name: str, table: Any) -> str | tuple[Any, ...]:
    """Read ``A``, ``A:4``, ``A+B`` or ``A+B:4``; a column so named comes first."""
    if name in table.columns:
        return name
    if "+" in name:
        return tuple(_specification(part.strip(), table) for part in name.split("+"))
    column, _, n_bands = name.rpartition(":")
    return (column, int(n_bands)) if column and n_bands.isdigit() else name


def read_table(path: Path) -> Any:
    """Read a CSV or Parquet file into a data frame, or say why it can't be."""
    reader = _READERS.get(path.suffix.lower())
    if path.name.lower().endswith(".csv.gz"):
        reader = "read_csv"
    if reader is None:
        msg = f"TABLE must be a .csv, .csv.gz or .parquet file; got {path.name}."
        raise ValueError(msg)
    if not path.is_file():
        raise FileNotFoundError(f"TABLE must be an existing file; got {path}.")
    pandas = import_optional("pandas", feature="Reading a table")
    if reader == "read_parquet":
        import_optional("pyarrow", feature="Reading a Parquet file")
    try:
        table = getattr(pandas, reader)(path)
    except pandas.errors.EmptyDataError:
        raise ValueError(f"TABLE must have rows; {path.name} is empty.") from None
    except (ValueError, OSError) as error:
        kind = reader.removeprefix("read_")
        msg = f"TABLE must be a readable {kind} file; {path.name}: {error}"
        raise ValueError(msg) from error
    if table.empty:
        raise ValueError(f"TABLE must have rows; {path.name} has none.")
    if reader == "read_csv" and len(table.columns) == 1:
        _refuse_other_separator(table.columns[0], path)
    return table


def _refuse_other_separator(heading: str, path: Path) -> None:
    for separator in (";", "\t", "|"):
        if separator in heading:
            msg = (
                f"TABLE must be separated by commas; {path.name} seems to be by "
                f"{separator!r}: its only column is {heading!r}."
            )
            raise ValueError(msg)
