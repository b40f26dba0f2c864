"""
A hundred million rows
======================

How is a registry audited that no memory holds?

By sums: the engine that holds the rows adds up a few columns by subgroup, and
everything else follows from a few numbers a subgroup. Here DuckDB reads a folder of
Parquet files of two million people; with a hundred million the calls are the same, and
took seven seconds on two cores (:doc:`/user_guide/bigger_than_memory`).
"""

# %%
# Ten files, written once: HbA1c, what a model said, and the ward. In ward 3 the model
# errs half as much again.

import tempfile
import time
from pathlib import Path

import duckdb
import matplotlib.pyplot as plt

from sklearn_equity import SubgroupFidelityDisplay, audit_frame

N_FILES, N_ROWS = 10, 200_000
folder = Path(tempfile.mkdtemp())
for part in range(N_FILES):
    duckdb.sql(
        f"""
        copy (
            select hba1c, ward, hba1c + error as predicted
            from (
                select 30 + 30 * random() as hba1c, 'ward ' || (i % 8) as ward,
                    (random() + random() + random() - 1.5)
                        * case when i % 8 = 3 then 9 else 6 end as error
                from range({N_ROWS}) rows(i)
            )
        ) to '{folder}/part-{part}.parquet'
        """
    )

# %%
# A relation of DuckDB is a plan and holds no rows. It goes where a data frame would. By
# name, files of different types are read as the wider one, not as that of the first.

people = duckdb.read_parquet(f"{folder}/*.parquet", union_by_name=True)
begin = time.perf_counter()
result = audit_frame(
    people, y_true="hba1c", y_pred="predicted", subgroups="ward", random_state=0
)
seconds = time.perf_counter() - begin
print(result)
print(f"{N_FILES * N_ROWS:,} rows in {seconds:.1f} s")

# %%
# What comes back is the table that people in memory would have given, drawn alike.

fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
SubgroupFidelityDisplay(result.fidelity).plot(ax=ax)
plt.show()

# %%
# What it does not show: metrics that need rows, such as the area under the ROC curve,
# and bands of a number, which the engine has to make.
