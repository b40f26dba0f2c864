"""What do the measures cost, by rows: time, and the peak of memory?"""

import numpy as np

from sklearn_equity import (
    BoundedKDE,
    inequality_index,
    model_inequality,
    permutation_test,
    subgroup_fidelity,
)


class Measures:
    params = (10_000, 100_000)
    param_names = ("n_rows",)

    def setup(self, n_rows):
        rng = np.random.default_rng(20261129)
        self.segment = rng.integers(50, size=n_rows)
        self.y_true = rng.gamma(4.0, 10.0, n_rows)
        self.y_pred = self.y_true + rng.normal(0.0, 5.0, n_rows)
        self.score = rng.beta(1.2, 1.8, n_rows)
        self.side = np.where(rng.random(n_rows) < 0.4, "black", "white")
        self.people = rng.gamma(2.0, size=(n_rows, 5))
        self.table = self.measure()

    def measure(self):
        return subgroup_fidelity(
            self.y_true, self.y_pred, subgroups=self.segment, random_state=0
        )

    def time_subgroup_fidelity(self, n_rows):
        self.measure()

    def peakmem_subgroup_fidelity(self, n_rows):
        self.measure()

    def time_inequality_index(self, n_rows):
        inequality_index(self.table)

    def time_permutation_test(self, n_rows):
        permutation_test(
            self.people, subgroups=self.segment, n_permutations=100, random_state=0
        )

    def time_model_inequality(self, n_rows):
        model_inequality(
            self.score, self.y_true, subgroups=self.side, compare=("black", "white"),
            threshold=60.0, bounds=(0.0, 500.0),
        )  # fmt: skip

    def time_density(self, n_rows):
        column = self.score[:, np.newaxis]
        BoundedKDE(bounds=(0, 1)).fit(column).interval_probability([0, 0.25, 0.5, 1])

    def peakmem_density(self, n_rows):
        self.time_density(n_rows)
