"""
Predictions made elsewhere
==========================

How is a model audited that was not made in Python: in R, in SAS, in a hospital's
system?

Whatever made the predictions, put the truth, the prediction and the attributes into one
CSV or Parquet file, a row a person. The command line does the rest.
"""

# %%
# In R, with people on whom the model was not fitted:
#
# .. code-block:: r
#
#    fit <- lm(hba1c ~ age + bmi + waist_cm, data = train)
#    held_out$predicted <- predict(fit, held_out)
#    columns <- c("hba1c", "predicted", "sex", "ethnicity", "age")
#    write.csv(held_out[columns], "held_out.csv", row.names = FALSE)
#
# The same file for this page is made here, of adults of NHANES 2017-2018:

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from sklearn_equity import SubgroupFidelityDisplay, audit_frame
from sklearn_equity.datasets import load_nhanes

people = load_nhanes().frame.rename(columns={"hba1c_mmol_mol": "hba1c"})
inputs = ["age", "bmi", "waist_cm"]
train, held_out = train_test_split(
    people.dropna(subset=inputs), test_size=0.5, random_state=0
)
fit = LinearRegression().fit(train[inputs], train["hba1c"])
held_out = held_out.assign(predicted=fit.predict(held_out[inputs]).round(2))

folder = Path(tempfile.mkdtemp())
columns = ["hba1c", "predicted", "sex", "ethnicity", "age"]
held_out[columns].to_csv(folder / "held_out.csv", index=False)
print(*(folder / "held_out.csv").read_text().splitlines()[:3], sep="\n")

# %%
# In a terminal, in the folder of that file:
#
# .. code-block:: console
#
#    $ python -m sklearn_equity audit held_out.csv --target hba1c \
#        --prediction predicted --subgroups sex,ethnicity,age:3,sex+age:3 --metric mae
#
# Each column is examined by itself, ``age:3`` cuts age into thirds, and ``sex+age:3``
# is their intersection. This page runs that command, and shows what it prints:

command = "-m sklearn_equity audit held_out.csv --target hba1c --prediction predicted"
options = "--subgroups sex,ethnicity,age:3,sex+age:3 --metric mae"
done = subprocess.run(
    [sys.executable, *command.split(), *options.split()],
    cwd=folder,
    capture_output=True,
    text=True,
    check=True,
)
print(done.stdout)

# %%
# People over sixty are under-served, women and men alike, and men from forty-two on. By
# ethnicity nobody is shown to be under-served: for three of five the evidence is
# insufficient.
#
# The folder ``equity_audit`` holds the report, one self-contained HTML file to hand on,
# and its tables, for whatever comes next:

table = pd.read_csv(folder / "equity_audit" / "fidelity.csv")
print(table[["grouping", "subgroup", "n", "estimate", "verdict"]].to_string())

# %%
# The same from Python, and its picture, from a table that is there already. Fewer are
# compared here, five instead of sixteen; now men and the middle third of ages are shown
# to be under-served too. So decide before looking how many you ask about.

result = audit_frame(
    held_out,
    y_true="hba1c",
    y_pred="predicted",
    subgroups=["sex", ("age", 3)],
    metric="mae",
    random_state=0,
)
SubgroupFidelityDisplay(result.fidelity).plot()
plt.show()

# %%
# What it does not show: whether the rows were held out. Nobody can tell from a file
# that the model has not seen these people; on those that it was fitted to, it looks
# better than it is.
