"""Draw one argument: mostly sound in an unusual container, sometimes broken."""

from dataclasses import dataclass, field
from typing import Any

import hostile
import numpy as np
import pandas as pd
import polars as pl

SIZES = (0, 1, 2, 3, 10, 60, 200)
ODDS_OF_SIZES = (0.02, 0.04, 0.04, 0.04, 0.13, 0.34, 0.39)
ODDS_OF_MANY = 0.004  # of 20,000 rows in 10,000 subgroups
PLACE_OF = {"vector": 0.1, "labels": 0.15, "table": 0.2, "option": 0.04}


@dataclass
class Draw:
    """The generator of one case, and what it has handed out."""

    rng: np.random.Generator
    n_rows: int = 0
    given: dict[str, Any] = field(default_factory=dict)

    def choose(self, options):
        """Choose one of several things of any type."""
        return options[self.rng.integers(len(options))]

    def size(self, *, may_be_many=False):
        """Draw the number of rows of this case."""
        if may_be_many and self.rng.random() < ODDS_OF_MANY:
            self.n_rows = 20_000
        else:
            self.n_rows = int(self.rng.choice(SIZES, p=ODDS_OF_SIZES))
        return self.n_rows

    def _finish(self, kind, name, sound, containers, broken):
        if self.rng.random() < PLACE_OF[kind]:
            value = self.choose(broken)(self.rng, sound)
        elif self.rng.random() < 0.5:
            value = self.choose(containers)(sound)
        else:
            value = sound
        self.given[name] = value
        return value

    def vector(self, name, *, low=0.0, high=1.0, whole=False):
        """Draw one number a row."""
        sound = self.rng.uniform(low, high, self.n_rows)
        if whole:
            sound = np.floor(sound)
        containers = hostile.CONTAINERS + hostile.NUMBER_CONTAINERS
        return self._finish("vector", name, sound, containers, hostile.BROKEN_VECTORS)

    def truths(self, name):
        """Draw whether, for each row."""
        sound = self.rng.random(self.n_rows) < 0.3
        broken = hostile.BROKEN_VECTORS + hostile.BROKEN_LABELS
        return self._finish("vector", name, sound, hostile.CONTAINERS, broken)

    def polars_table(self, sound):
        """Draw a table, lazy or eager, some of whose columns are not what they say."""
        table = pl.DataFrame(sound)
        for name, values in sound.items():
            if self.rng.random() < PLACE_OF["vector"]:
                odd = self.choose(hostile.COLUMNS)(self.rng, values)
                table = table.with_columns(odd.alias(name))
        table = table.clear() if self.rng.random() < 0.02 else table
        table = table.lazy() if self.rng.random() < 0.6 else table
        self.given["table"] = table.lazy().collect_schema()
        return table

    def labels(self, name):
        """Draw one label a row."""
        many = self.n_rows >= 20_000
        kinds = [
            np.arange(self.n_rows) % (10_000 if many else 3),
            np.array(["east", "west"])[self.rng.integers(0, 2, self.n_rows)],
            np.array(["<b>ä</b>", "&"])[np.arange(self.n_rows) % 2],
        ]
        counted = many or "compare" in self.given  # which names 0 and 1
        sound = kinds[0] if counted else self.choose(kinds)
        containers = (*hostile.CONTAINERS, pd.Categorical, lambda v: v.astype(object))
        return self._finish("labels", name, sound, containers, hostile.BROKEN_LABELS)

    def table(self, name, *, n_columns=None, whole=False):
        """Draw several numbers a row."""
        width = n_columns or int(self.rng.integers(1, 5))
        sound = self.rng.normal(size=(self.n_rows, width))
        sound = (sound > 0.0).astype(float) if whole else sound
        return self._finish(
            "table", name, sound, hostile.TABLE_CONTAINERS, hostile.BROKEN_TABLES
        )

    def options(self, sound, *, leave=()):
        """Draw options: those given as they are, or a broken one in a place of them."""
        drawn = dict(sound)
        for name in sound:
            if name not in leave and self.rng.random() < PLACE_OF["option"]:
                drawn[name] = self.choose(hostile.BROKEN_OPTIONS)
        self.given |= {name: drawn[name] for name in drawn}
        return drawn
