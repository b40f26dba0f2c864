import numpy as np
import pytest

from sklearn_equity.discovery._person_loss import person_loss


def test_absolute_errors_are_the_distances():
    assert person_loss([1, 2, 3], [1, 4, 0], "absolute").tolist() == [0, 2, 3]


def test_of_the_largest_hundredth_of_squared_errors_each_counts_as_its_least():
    prediction = np.zeros(101)
    truth = np.arange(101.0)
    assert person_loss(truth, prediction, "squared")[-3:].tolist() == [
        98**2,
        99**2,
        99**2,
    ]


def test_of_probabilities_it_is_the_distance_to_the_class():
    loss = person_loss([0, 1], [0.25, 0.25], "absolute")
    assert loss.tolist() == [0.25, 0.75]


def test_a_function_gives_one_number_a_row():
    over = person_loss([1, 2], [3, 1], lambda true, pred: np.maximum(pred - true, 0))
    assert over.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("y_pred", "loss", "text"),
    [
        ([1.0], "absolute", r"`y_pred` must have one value per row of `y_true` \(2\)"),
        ([1.0, np.nan], "absolute", "`y_pred` must not hold missing values; got NaN"),
        ([1.0, 2.0], "rmse", r'`loss` must be "absolute", "squared" or a function'),
        (
            [1.0, 2.0],
            lambda true, pred: [0.0],
            r"`loss\(y_true, y_pred\)` must have one value per row of `y_true` \(2\)",
        ),
    ],
)
def test_what_is_no_loss_is_refused(y_pred, loss, text):
    with pytest.raises(ValueError, match=text):
        person_loss([1.0, 2.0], y_pred, loss)
