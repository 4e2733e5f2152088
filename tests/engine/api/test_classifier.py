"""The classifier in scikit-learn's own tools, and without scikit-learn."""

from typing import Any

import numpy as np
import pytest

from engine import CNNClassifier, Conv2D, Dense, Flatten, ReLU
from engine.errors import ConfigError, NotReadyError, ShapeError
from tests.engine.api.test_sequential import CtrlC

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.validation import check_is_fitted


@pytest.fixture(scope="module", name="digits")
def fixture_digits() -> tuple[np.ndarray, np.ndarray]:
    """300 digits of scikit-learn: rows of 64 floats from 0 to 16."""
    x, y = load_digits(return_X_y=True)
    return x[:300], y[:300]


def classifier(**more: Any) -> CNNClassifier:
    layers = [Conv2D(4, 3, stride=2), ReLU(), Flatten(), Dense(10)]
    return CNNClassifier(layers, image_shape=(8, 8), **{"epochs": 3, "workers": 1, **more})


def test_a_grid_search_finds_the_better_learning_rate(digits: Any) -> None:
    search = GridSearchCV(classifier(), {"lr": [1e-6, 0.02]}, cv=3, error_score="raise")
    search.fit(*digits)
    assert search.best_params_ == {"lr": 0.02}
    assert search.best_score_ > 0.7
    assert search.predict(digits[0]).shape == (300,)
    assert search.cv_results_["mean_test_score"][0] < 0.3


def test_it_is_cross_validated_also_in_a_pipeline_and_by_probabilities(digits: Any) -> None:
    x, y = digits[0], np.array([f"digit {label}" for label in digits[1]])
    pipeline = make_pipeline(MinMaxScaler(), classifier(lr=0.02))
    scores = cross_val_score(pipeline, x, y, cv=2, scoring="neg_log_loss", error_score="raise")
    assert (scores > -1.5).all()


def test_it_keeps_the_protocol(digits: Any) -> None:
    x, y = digits[0][:60], digits[1][:60]
    one = classifier(epochs=1)
    assert is_classifier(one)
    twin = clone(one).set_params(lr=0.5)
    assert (one.lr, twin.lr) == (0.001, 0.5)
    assert repr(one.layers) == repr(twin.layers)
    assert one.get_params()["image_shape"] == (8, 8)
    with pytest.raises(ValueError, match="has no 'rate'; it has layers"):
        one.set_params(rate=1)
    assert one.fit(x, y) is one
    check_is_fitted(one)
    assert one.classes_.tolist() == list(range(10))
    assert one.n_features_in_ == 64
    assert one.history_.epochs == 1
    first = one.predict_proba(x)
    assert one.fit(x, y).predict_proba(x).tobytes() == first.tobytes()
    assert one.score(x, y, sample_weight=(one.predict(x) == y) + 0.0) == 1.0


def test_without_layers_it_is_the_network_of_config_new(digits: Any) -> None:
    x, y = digits[0][:60].reshape(-1, 8, 8), digits[1][:60]
    fitted = CNNClassifier(epochs=1).fit(x, y)
    assert [layer.spec() for layer in fitted.model_.network][-1] == {
        "Dense": {"in_features": 256, "out_features": 10}
    }


def test_its_mistakes_are_answered_in_one_line(digits: Any) -> None:
    x, y = digits
    with pytest.raises(NotReadyError, match=r"call fit\(X, y\) first"):
        classifier().predict(x)
    with pytest.raises(ShapeError, match=r"rows of 64 features.* give image_shape=\(8, 8\)"):
        CNNClassifier().fit(x, y)
    with pytest.raises(ShapeError, match=r"rows of 63 features, expected 64"):
        classifier().fit(x[:, 1:], y)
    with pytest.raises(ConfigError, match=r"^clip: unknown key"):
        classifier(train={"clip": 1.0}).fit(x, y)


def test_ctrl_c_ends_a_search_and_leaves_what_was_learnt(digits: Any) -> None:
    one = classifier(epochs=9, callbacks=[CtrlC()])
    with pytest.raises(KeyboardInterrupt, match="interrupted after batch 2"):
        one.fit(*digits)
    assert one.predict(digits[0]).shape == (300,)
