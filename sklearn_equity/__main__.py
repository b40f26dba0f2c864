"""The command line: ``python -m sklearn_equity demo`` and ``... audit TABLE``."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from sklearn_equity import __version__
from sklearn_equity._progress import StageBar
from sklearn_equity.exceptions import (
    DegenerateColumnWarning,
    EquityWarning,
    FewerSegmentsWarning,
    NegativeTargetWarning,
    OutlierWarning,
)
from sklearn_equity.fidelity import METRIC_NAMES
from sklearn_equity.report import DEFAULT_LIMIT, TABLES, AuditResult

_OF_INTEREST = (EquityWarning, ConvergenceWarning)
# Warnings that tell of few people, or of one person's value, as a report tells them.
_WITHOUT_FIGURES: dict[type[Warning], str] = {
    NegativeTargetWarning: (
        "A few targets are negative, though errors are divided by the mean of the "
        "target, as if its zero were meaningful. Are they errors of measurement? Else "
        "say --normalization std."
    ),
    OutlierWarning: (
        "A few rows lie far from all others. They are given segments, but do not shape "
        "any. Correct or remove them."
    ),
    DegenerateColumnWarning: (
        "Some features tell no row from another, or set only a few outlying rows apart "
        "from all others. Leave them out, clip or transform them."
    ),
    FewerSegmentsWarning: (
        "Fewer segments are in use than were asked for: rows repeat, or a few lie far "
        "from all others."
    ),
}
_DESCRIPTION = "Find whom a model fails, and how sure that is."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status.

    Parameters
    ----------
    arguments : sequence of str, default=None
        The words after the command's name; None takes them from the command line.

    Returns
    -------
    int
        0 when the report is written, 2 when the input is refused, 130 when interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        _check_common(options)
        result = _with_warnings_as_notes(options)
        _write(result, options)
    except BrokenPipeError:  # whoever reads the pipe has seen enough: the files stand
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        message = "interrupted; every file in the folder is whole"
        print(f"\nsklearn-equity {options.command}: {message}.", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"sklearn-equity {options.command}: error: {error}", file=sys.stderr)
        return 2
    return 0


def _with_warnings_as_notes(options: argparse.Namespace) -> AuditResult:
    """Run a command; what it warned of belongs in the report, not on a passing line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", EquityWarning)
        warnings.simplefilter("always", ConvergenceWarning)
        result = options.run(options)
    ours = [w for w in caught if issubclass(w.category, _OF_INTEREST)]
    for warning in caught:
        if warning not in ours:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    hide = options.suppress_below > 0
    notes = (_WITHOUT_FIGURES.get(w.category, "") if hide else "" for w in ours)
    told = (note or str(w.message) for note, w in zip(notes, ours, strict=True))
    return result.with_findings(notes=dict.fromkeys(told))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("sklearn-equity", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_audit(commands)
    return parser


# ---- demo ------------------------------------------------------------------------
def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="audit and remedy a model of HbA1c on 5,000 real people",
        description=(
            "Train a regressor of HbA1c on the adults of NHANES 2017-2018, audit it on "
            "held-out people, compare two groups by allocation and deterioration, "
            "remedy it by oversampling, and write the report."
        ),
    )
    demo.add_argument(
        "--rows", type=int, help="how many people to use (default: all)", metavar="N"
    )
    _add_common(demo)
    demo.set_defaults(run=_run_demo)


def _run_demo(options: argparse.Namespace) -> AuditResult:
    from sklearn_equity._demo import N_STAGES, run_demo

    with StageBar(N_STAGES) as bar:
        return run_demo(n_rows=options.rows, seed=options.seed, begin=bar.begin)


# ---- audit -----------------------------------------------------------------------
def _add_audit(commands: Any) -> None:
    audit = commands.add_parser(
        "audit",
        help="audit the predictions in a CSV or Parquet file, made by any model",
        description=(
            "Audit the predictions of any model, made anywhere. Without --prediction, "
            "a plain model of the features is cross-validated and audited instead."
        ),
    )
    audit.add_argument("table", type=Path, metavar="TABLE", help="CSV or Parquet file")
    audit.add_argument("--target", required=True, metavar="COL", help="the true values")
    audit.add_argument("--prediction", metavar="COL", help="the model's predictions")
    audit.add_argument(
        "--subgroups",
        required=True,
        action="append",
        metavar="COL[,COL...]",
        help=(
            "whom to compare: each column by itself; A+B is the intersection of two "
            "columns, AGE:4 cuts a number into four bands, A+AGE:4 combines both"
        ),
    )
    audit.add_argument(
        "--features",
        action="append",
        default=[],
        metavar="COL[,COL...]",
        help="columns to learn segments from (and to model, without --prediction)",
    )
    audit.add_argument(
        "--segments", type=int, default=10, metavar="N", help="how many (default: 10)"
    )
    audit.add_argument(
        "--metric",
        default="nrmse",
        help=f"one of {', '.join(METRIC_NAMES)} (default: nrmse)",
    )
    audit.add_argument(
        "--normalization",
        default="mean",
        type=_normalization,
        help=(
            "what divides the RMSE in nrmse, of the subgroup itself: mean (default), "
            "std, iqr, range, max, none or a number"
        ),
    )
    _add_common(audit)
    audit.set_defaults(run=_run_audit)


def _run_audit(options: argparse.Namespace) -> AuditResult:
    from sklearn_equity._table_audit import N_STAGES, TableAudit

    request = TableAudit(
        path=options.table,
        target=options.target,
        prediction=options.prediction,
        subgroups=_split(options.subgroups),
        features=_split(options.features),
        n_segments=options.segments,
        metric=options.metric,
        normalization=options.normalization,
        seed=options.seed,
    )
    with StageBar(N_STAGES) as bar:
        return request.run(begin=bar.begin)


def _normalization(word: str) -> str | float | None:
    """Read ``none`` and numbers as what they are."""
    if word.lower() == "none":
        return None
    try:
        return float(word)
    except ValueError:
        return word


def _split(arguments: Sequence[str]) -> list[str]:
    """Split ``--subgroups A,B --subgroups C`` into its names."""
    names = [name.strip() for argument in arguments for name in argument.split(",")]
    return [name for name in names if name]


# ---- both ------------------------------------------------------------------------
def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("equity_audit"),
        metavar="DIR",
        help="folder for the report and its tables (default: equity_audit)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="equal seeds give equal reports (default: 0)",
    )
    parser.add_argument(
        "--suppress-below",
        type=int,
        default=DEFAULT_LIMIT,
        metavar="N",
        help=(
            "withhold numbers of people below N, and those that would tell them "
            f"(default: {DEFAULT_LIMIT}; 0 withholds none)"
        ),
    )


def _check_common(options: argparse.Namespace) -> None:
    """Refuse what would fail only after the work is done."""
    if options.output.exists() and not options.output.is_dir():
        msg = f"--output must name a folder; {options.output} is a file."
        raise ValueError(msg)
    if not 0 <= options.seed < 2**32:
        msg = f"--seed must lie between 0 and 2**32 - 1; got {options.seed}."
        raise ValueError(msg)
    if options.suppress_below < 0:
        msg = f"--suppress-below must be at least 0; got {options.suppress_below}."
        raise ValueError(msg)
    table = getattr(options, "table", None)
    written = {"equity_report.html", *(f"{name}.csv" for name in TABLES)}
    if table is None or table.name not in written:
        return
    if table.parent.resolve() == options.output.resolve():
        msg = (
            f"--output must not name the folder of {table.name}, which the report "
            "would replace; name another folder, or rename the table."
        )
        raise ValueError(msg)


def _write(result: AuditResult, options: argparse.Namespace) -> None:
    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    limit = options.suppress_below
    with StageBar(1) as bar:
        bar.begin("withholding small counts, and writing the report")
        shown = result.suppress(limit)
        report = shown.to_html(folder / "equity_report.html", suppress_below=limit)
        tables = shown.to_csv(folder, suppress_below=limit)
    print(shown.to_text(suppress_below=limit))
    print(f"\nReport: {report}")
    print(f"Tables: {', '.join(str(path) for path in tables)}")


if __name__ == "__main__":
    sys.exit(main())
