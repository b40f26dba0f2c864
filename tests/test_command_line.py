"""The two commands: what they print, what they write, what they refuse."""

import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from sklearn_equity.__main__ import main

WRITTEN = ["equity_report.html", "fidelity.csv", "inequality.csv"]


@pytest.fixture
def people():
    """Return 600 people; the model serves the south badly and nobody else."""
    rng = np.random.default_rng(90210)
    ward = np.repeat(["north", "east", "south"], 200)
    truth = 40 + rng.normal(0, 5, 600)
    error = rng.normal(0, 1, 600) * np.where(ward == "south", 6.0, 2.0)
    return pd.DataFrame(
        {
            "ward": ward,
            "age": rng.integers(20, 80, 600),
            "bmi": rng.normal(27, 4, 600).round(1),
            "smoker": rng.choice(["yes", "no"], 600),
            "hba1c": truth,
            "predicted": truth + error,
        }
    )


@pytest.fixture(params=["csv", "csv.gz", "parquet"])
def table(request, people, tmp_path):
    path = tmp_path / f"people.{request.param}"
    if request.param == "parquet":
        people.to_parquet(path)
    else:
        people.to_csv(path, index=False)
    return path


def _audit(path, folder, *more):
    words = ["audit", str(path), "--target", "hba1c", "--output", str(folder)]
    return main([*words, *more])


def test_audit_reads_any_table_and_writes_the_report(table, tmp_path, capsys):
    folder = tmp_path / "out"
    status = _audit(
        table, folder, "--prediction", "predicted", "--subgroups", "ward,age:3"
    )
    assert status == 0
    printed = capsys.readouterr().out
    assert "Over all 600 rows" in printed
    assert re.search(r"south.*under-served", printed)
    assert sorted(path.name for path in folder.iterdir()) == WRITTEN
    written = pd.read_csv(folder / "fidelity.csv")
    assert written.groupby("grouping")["n"].sum().tolist() == [600, 600]
    south = written.set_index("subgroup").loc["south"]
    assert south["verdict"] == "under-served"
    assert south["ci_low"] < south["estimate"] < south["ci_high"]


def test_estimates_of_the_command_are_those_of_the_formula(people, tmp_path):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    _audit(path, tmp_path / "out", "--prediction", "predicted", "--subgroups", "ward")
    written = pd.read_csv(tmp_path / "out" / "fidelity.csv").set_index("subgroup")
    for ward, rows in people.groupby("ward"):
        rmse = np.sqrt(((rows["predicted"] - rows["hba1c"]) ** 2).mean())
        assert written.loc[ward, "estimate"] == pytest.approx(
            rmse / rows["hba1c"].mean()
        )


@pytest.mark.slow
def test_intersections_and_learnt_segments(people, tmp_path, capsys):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    status = _audit(
        path,
        tmp_path / "out",
        *("--prediction", "predicted", "--subgroups", "ward+smoker"),
        *("--features", "age,bmi,smoker", "--segments", "3"),
    )
    assert status == 0
    assert "south & yes" in capsys.readouterr().out
    written = pd.read_csv(tmp_path / "out" / "fidelity.csv")
    assert set(written["grouping"]) == {"ward+smoker", "learnt segment"}


def test_learnt_segments_are_a_consensus_that_needs_no_torch_and_says_how_stable(
    people, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch", None)  # an import of it is an error
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    words = ["--prediction", "predicted", "--subgroups", "ward"]
    words += ["--features", "age,bmi", "--segments", "2"]
    assert _audit(path, tmp_path / "out", *words) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "what ten segmentations in principal components agree on" in printed
    assert re.search(r"2 segments asked for, .* Rand index of -?0\.\d\d \(1:", printed)


def test_without_predictions_a_plain_model_is_audited(people, tmp_path, capsys):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    status = _audit(
        path,
        tmp_path / "out",
        *("--subgroups", "ward", "--features", "age,bmi", "--segments", "2"),
    )
    assert status == 0
    assert "No predictions were given" in capsys.readouterr().out


@pytest.mark.parametrize("metric", ["accuracy", "brier", "sensitivity"])
def test_without_predictions_classes_are_modelled_as_classes(metric, people, tmp_path):
    people["ill"] = 1 * (people["hba1c"] > 41)
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    words = ["audit", str(path), "--target", "ill", "--output", str(tmp_path / "out")]
    words += ["--subgroups", "ward", "--features", "hba1c,bmi", "--segments", "2"]
    assert main([*words, "--metric", metric]) == 0
    written = pd.read_csv(tmp_path / "out" / "fidelity.csv").set_index("subgroup")
    good = written.loc["north", "estimate"]
    assert good < 0.05 if metric == "brier" else good > 0.9


def test_a_column_is_crossed_with_bands(people, tmp_path):
    path = tmp_path / "people.csv"
    people.rename(columns={"smoker": "smokes+chews"}).to_csv(path, index=False)
    words = ["--prediction", "predicted", "--subgroups", "ward+age:2,smokes+chews"]
    assert _audit(path, tmp_path / "out", *words) == 0
    written = pd.read_csv(tmp_path / "out" / "fidelity.csv").set_index("grouping")
    assert written.loc["ward+age:2", "n"].sum() == 600
    older = people["age"] >= np.quantile(people["age"], 0.5, method="higher")
    expected = people.groupby(["ward", older]).size()
    assert written.loc["ward+age:2", "n"].tolist() == expected.tolist()
    assert written.loc["smokes+chews", "subgroup"].tolist() == ["no", "yes"]


def test_missing_labels_are_a_subgroup_of_their_own(people, tmp_path):
    people.loc[:99, "ward"] = None
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    _audit(path, tmp_path / "out", "--prediction", "predicted", "--subgroups", "ward")
    written = pd.read_csv(tmp_path / "out" / "fidelity.csv").set_index("subgroup")
    assert written.loc["(missing)", "n"] == 100


# ---- what is handed over ---------------------------------------------------------
@pytest.fixture
def few_in_the_west(people):
    people.loc[:6, "ward"] = "west"
    return people


def _everything_written(folder, captured):
    files = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
    return [captured.out, *files]


def test_small_counts_are_in_nothing_that_is_written(few_in_the_west, tmp_path, capsys):
    path = tmp_path / "people.csv"
    few_in_the_west.to_csv(path, index=False)
    words = ["--prediction", "predicted", "--subgroups", "ward"]
    assert _audit(path, tmp_path / "out", *words) == 0
    written = pd.read_csv(tmp_path / "out" / "fidelity.csv").set_index("subgroup")
    assert written["n"].isna().sum() == 2
    assert np.isnan(written.loc["west", "n"])
    assert "withheld" in capsys.readouterr().out
    assert _audit(path, tmp_path / "all", *words, "--suppress-below", "0") == 0
    written = pd.read_csv(tmp_path / "all" / "fidelity.csv").set_index("subgroup")
    assert written.loc["west", "n"] == 7


def test_no_path_and_no_row_is_in_a_report(people, tmp_path, capsys):
    people["age"] = people["age"] + 0.123456  # a value of a person, easy to find
    folder = tmp_path / "secret-folder"
    folder.mkdir()
    path = folder / "secret-name.csv"
    people.to_csv(path, index=False)
    words = [
        "--prediction",
        "predicted",
        "--subgroups",
        "ward",
        "--features",
        "age,bmi",
    ]
    assert _audit(path, tmp_path / "out", *words, "--segments", "2") == 0
    captured = capsys.readouterr()
    for text in _everything_written(tmp_path / "out", captured):
        said = text.split("\nReport: ")[0]
        assert "secret" not in said
        assert str(tmp_path) not in said
        assert "123456" not in said
        for value in people["hba1c"].head(50):
            assert f"{value:.8g}" not in said


def test_a_limit_below_zero_is_refused_before_any_work(people, tmp_path, capsys):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    words = ["--prediction", "predicted", "--subgroups", "ward"]
    status = _audit(path, tmp_path / "out", *words, "--suppress-below", "-1")
    assert "--suppress-below must be at least 0" in _refusal(capsys, status)


def test_links_in_the_folder_are_replaced_not_followed(people, tmp_path):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    folder, target = tmp_path / "out", tmp_path / "elsewhere.txt"
    folder.mkdir()
    target.write_text("untouched")
    for name in ("equity_report.html", "fidelity.csv", "change.csv"):
        (folder / name).symlink_to(target)
    words = ["--prediction", "predicted", "--subgroups", "ward"]
    assert _audit(path, folder, *words) == 0
    assert target.read_text() == "untouched"
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == WRITTEN


@pytest.mark.parametrize("at", ["measuring", "writing"])
def test_an_interrupt_leaves_no_half_written_file(
    at, people, tmp_path, capsys, monkeypatch
):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    places = {"measuring": "AuditResult.suppress", "writing": "AuditResult.to_csv"}
    monkeypatch.setattr(f"sklearn_equity.report.{places[at]}", interrupt)
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    words = ["--prediction", "predicted", "--subgroups", "ward"]
    assert _audit(path, tmp_path / "out", *words) == 130
    captured = capsys.readouterr()
    assert captured.err.strip() == (
        "sklearn-equity audit: interrupted; every file in the folder is whole."
    )
    names = [file.name for file in (tmp_path / "out").iterdir()]
    assert names == ([] if at == "measuring" else ["equity_report.html"])


_HALTS_BEFORE_A_FILE_IS_WHOLE = """
import sys, time
from pathlib import Path
from sklearn_equity.__main__ import main

def halt(self, target):
    print("unfinished:", self.name, flush=True)
    time.sleep(60)

Path.replace = halt
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_in_the_middle_of_a_file_leaves_the_old_one(people, tmp_path):
    path, folder = tmp_path / "people.csv", tmp_path / "out"
    people.to_csv(path, index=False)
    folder.mkdir()
    (folder / "equity_report.html").write_text("an older report")
    words = ["audit", str(path), "--target", "hba1c", "--prediction", "predicted"]
    words += ["--subgroups", "ward", "--output", str(folder)]
    with subprocess.Popen(
        [sys.executable, "-c", _HALTS_BEFORE_A_FILE_IS_WHOLE, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        announced = running.stdout.readline()
        assert announced.startswith("unfinished: .equity_report.html.")
        assert len(list(folder.iterdir())) == 2
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    # Nothing but that line, and no bar: standard error is no terminal.
    assert said.strip() == (
        "sklearn-equity audit: interrupted; every file in the folder is whole."
    )
    (left,) = folder.iterdir()
    assert left.read_text() == "an older report"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2, 5, 8])
def test_ctrl_c_ends_the_command_at_any_time(seconds, tmp_path):
    command = [sys.executable, "-m", "sklearn_equity", "demo"]
    running = subprocess.Popen(
        [*command, "--output", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode in (0, 130, -signal.SIGINT, 1)
    left = list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else []
    assert not [path for path in left if path.name.startswith(".")]
    for path in left:
        if path.suffix == ".html":
            assert path.read_text(encoding="utf-8").endswith("</html>\n")


# ---- refusals --------------------------------------------------------------------
def _refusal(capsys, status):
    assert status == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--prediction", "guess", "--subgroups", "ward"],
            r"`--prediction` names no column of the table: \['guess'\]. It has "
            r"\['ward', 'age', 'bmi', 'smoker', 'hba1c', 'predicted'",
        ),
        (
            ["--prediction", "predicted", "--subgroups", "ward,city"],
            r"names no column of the table: \['city'\]",
        ),
        (
            ["--prediction", "smoker", "--subgroups", "ward"],
            r"`--prediction smoker` must hold numbers; got text in 600 of 600 rows",
        ),
        (
            ["--prediction", "predicted", "--subgroups", "identifier"],
            r"a number with 600 values.*identifier:4 on the command line",
        ),
        (
            ["--prediction", "predicted", "--subgroups", "country"],
            r"must hold at least 2 different labels; got 1",
        ),
        (
            ["--subgroups", "ward"],
            r"give --prediction .* or --features",
        ),
        (
            ["--prediction", "predicted", "--subgroups", "ward", "--features", "hba1c"],
            r"--features must not name the target or the prediction; got \['hba1c'\]",
        ),
        (
            ["--prediction", "gaps", "--subgroups", "ward"],
            r"`--prediction gaps` must not hold missing values; got NaN in 3 of 600",
        ),
        (
            ["--prediction", "predicted", "--subgroups", "ward", "--metric", "magic"],
            r'`metric` must be one of .*"nrmse"',
        ),
        (
            ["--subgroups", "ward", "--features", "age,bmi", "--metric", "magic"],
            r'`metric` must be one of .*"nrmse"',
        ),
        (
            [
                "--subgroups",
                "ward",
                "--features",
                "age",
                "--metric",
                "interval_coverage",
            ],
            r"--metric interval_coverage needs 2 predictions a row",
        ),
        (
            ["--subgroups", "ward", "--features", "age,bmi", "--segments", "0"],
            r"--segments must be at least 2; got 0",
        ),
        (
            ["--prediction", "predicted", "--subgroups", "ward", "--seed", "-1"],
            r"--seed must lie between 0",
        ),
    ],
)
def test_refused_in_words_and_nothing_written(words, message, people, tmp_path, capsys):
    people["identifier"] = np.arange(600)
    people["country"] = "UK"
    people["gaps"] = people["predicted"].where(people.index > 2)
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    status = _audit(path, tmp_path / "out", *words)
    assert re.search(message, _refusal(capsys, status), re.DOTALL)
    assert not (tmp_path / "out").exists()


def test_a_target_with_text_in_it_is_refused(people, tmp_path, capsys):
    people["hba1c"] = people["hba1c"].astype(object)
    people.loc[5, "hba1c"] = "high"
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    status = _audit(
        path, tmp_path / "out", "--prediction", "predicted", "--subgroups", "ward"
    )
    message = "got text in 1 of 600 rows, such as 'high' in row 5"
    assert message in _refusal(capsys, status)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "TABLE must be an existing file; got"),
        ("empty.csv", "", "TABLE must have rows; empty.csv is empty"),
        (
            "header.csv",
            "hba1c,predicted,ward\n",
            "TABLE must have rows; header.csv has",
        ),
        (
            "people.xlsx",
            "",
            "TABLE must be a .csv, .csv.gz or .parquet file; got people",
        ),
        ("broken.parquet", "not parquet", "TABLE must be a readable"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(name, content, message, tmp_path, capsys):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    status = _audit(
        path, tmp_path / "out", "--prediction", "predicted", "--subgroups", "ward"
    )
    assert message in _refusal(capsys, status)


def test_an_unwritable_folder_is_an_error_not_a_trace(people, tmp_path, capsys):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    in_the_way = tmp_path / "out"
    in_the_way.write_text("a file")
    status = _audit(
        path, in_the_way, "--prediction", "predicted", "--subgroups", "ward"
    )
    assert "--output must name a folder" in _refusal(capsys, status)


def test_tables_of_an_earlier_report_do_not_stay_beside_a_new_one(people, tmp_path):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    folder = tmp_path / "out"
    folder.mkdir()
    earlier = "grouping,subgroup,n,before,after,change,std_error\nward,a,40,1,2,1,0.1\n"
    (folder / "change.csv").write_text(earlier)
    (folder / "mine.csv").write_text("not ours")
    _audit(path, folder, "--prediction", "predicted", "--subgroups", "ward")
    assert sorted(p.name for p in folder.iterdir()) == sorted([*WRITTEN, "mine.csv"])


def test_files_that_only_have_the_name_of_a_table_stay(people, tmp_path):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "change.csv").write_text("date,coins\n1,2\n")
    _audit(path, folder, "--prediction", "predicted", "--subgroups", "ward")
    assert (folder / "change.csv").read_text() == "date,coins\n1,2\n"


@pytest.mark.parametrize("name", ["fidelity.csv", "change.csv"])
def test_a_table_is_not_replaced_by_its_own_report(name, people, tmp_path, capsys):
    people.to_csv(tmp_path / name, index=False)
    before = (tmp_path / name).read_bytes()
    words = ["--prediction", "predicted", "--subgroups", "ward"]
    status = _audit(tmp_path / name, tmp_path, *words)
    assert f"--output must not name the folder of {name}" in _refusal(capsys, status)
    assert (tmp_path / name).read_bytes() == before


def test_the_report_tells_of_a_few_negative_targets_without_their_number(
    people, tmp_path
):
    path, folder = tmp_path / "people.csv", tmp_path / "out"
    people.loc[0, "hba1c"] = -1.0
    people.to_csv(path, index=False)
    words = ["--prediction", "predicted", "--subgroups", "ward"]
    assert _audit(path, folder, *words) == 0
    report = (folder / "equity_report.html").read_text(encoding="utf-8")
    assert "A few targets are negative" in report
    assert "1 negative" not in report


@pytest.mark.parametrize("word", ["none", "std", "10"])
def test_what_divides_the_error_can_be_none_or_a_number(word, people, tmp_path):
    path = tmp_path / "people.csv"
    people.to_csv(path, index=False)
    words = ["--prediction", "predicted", "--subgroups", "ward"]
    assert _audit(path, tmp_path / "out", *words, "--normalization", word) == 0


# ---- demo ------------------------------------------------------------------------
def test_demo_runs_on_a_small_sample(tmp_path, capsys):
    folder = tmp_path / "out"
    assert main(["demo", "--rows", "1200", "--output", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "Over all 480 rows" in printed
    for grouping in ("sex", "ethnicity", "smoking", "deprivation", "learnt segment"):
        assert grouping in printed
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["allocation.csv", "change.csv", *WRITTEN]
    fidelity = pd.read_csv(folder / "fidelity.csv")
    assert (fidelity.groupby("grouping")["n"].sum() == 480).all()
    learnt = fidelity.loc[fidelity["grouping"] == "learnt segment", "subgroup"]
    report = (folder / "equity_report.html").read_text(encoding="utf-8")
    named = re.search(r"the segments? named ([\d, ]+), chosen by the errors", report)
    assert set(named[1].split(", ")) < set(learnt.astype(str))


def test_demo_refuses_too_few_people(tmp_path, capsys):
    status = main(["demo", "--rows", "20", "--output", str(tmp_path / "out")])
    assert "`rows` must lie between 400 and" in _refusal(capsys, status)


def test_a_pipe_that_closes_early_is_no_error(people, tmp_path):
    people.to_csv(tmp_path / "people.csv", index=False)
    done = subprocess.run(
        f"{sys.executable} -m sklearn_equity audit people.csv --target hba1c "
        "--prediction predicted --subgroups ward | true",
        shell=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stderr == ""
    assert (tmp_path / "equity_audit" / "equity_report.html").is_file()


def test_the_module_is_a_command_without_a_bar_in_a_pipe(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sklearn_equity", "audit", "absent.csv"),
            *("--target", "y", "--prediction", "p", "--subgroups", "s"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "sklearn-equity audit: error: TABLE must be an existing file; got absent.csv.\n"
    )
