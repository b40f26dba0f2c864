"""On whom can a method be tried? Real people, and people whose truth is known."""

from sklearn_equity.datasets._cohort import (
    HealthCohort,
    PlantedSubgroup,
    make_health_cohort,
)
from sklearn_equity.datasets._nhanes import load_nhanes

__all__ = ["HealthCohort", "PlantedSubgroup", "load_nhanes", "make_health_cohort"]
