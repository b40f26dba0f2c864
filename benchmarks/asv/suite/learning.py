"""What do the learners cost, by rows: time, and the peak of memory?"""

from sklearn.linear_model import LinearRegression

from sklearn_equity import (
    AutoencoderEmbedder,
    LatentGMMSegmenter,
    SubgroupOversampler,
    find_underserved,
    make_health_cohort,
)


class Learners:
    params = (5_000, 20_000)
    param_names = ("n_rows",)
    timeout = 300

    def setup(self, n_rows):
        cohort = make_health_cohort(n_rows, random_state=0)
        self.X, self.y = cohort.X, cohort.y
        self.plane = cohort.X[["age", "bmi"]].to_numpy()
        self.segment = LatentGMMSegmenter(random_state=0).fit_predict(self.plane)
        self.model = LinearRegression().fit(self.X, self.y)

    def embed(self):
        return AutoencoderEmbedder(max_epochs=5, n_init=1, random_state=0).fit(self.X)

    def time_embedder(self, n_rows):
        self.embed()

    def peakmem_embedder(self, n_rows):
        self.embed()

    def time_segmenter(self, n_rows):
        LatentGMMSegmenter(random_state=0).fit(self.plane)

    def time_oversampler(self, n_rows):
        SubgroupOversampler(LinearRegression(), random_state=0).fit(
            self.X, self.y, subgroups=self.segment
        )

    def time_find_underserved(self, n_rows):
        find_underserved(self.model, self.X, self.y, random_state=0)
