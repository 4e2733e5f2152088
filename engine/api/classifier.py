"""A network with scikit-learn's protocol, for its cross-validation, searches and pipelines.

scikit-learn is not needed for it, nor imported before it asks for its own tags: what it expects of
a classifier is a handful of methods (https://scikit-learn.org/stable/developers/develop.html).
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from engine.api.encoding import Encoding
from engine.api.history import History
from engine.api.sequential import Sequential
from engine.api.training import INTERRUPTED
from engine.errors import NotReadyError, ShapeError
from engine.services.starter import starter_layers


class CNNClassifier:
    """A convolutional network as a scikit-learn classifier; every ``fit`` starts afresh.

    Args:
        layers: as for ``Sequential``; None is a small network that fits images and classes, the one
            that ``cnn-tui config new`` writes.
        image_shape: (C, H, W) or (H, W) of the images, where X has them as rows, (N, features).
        epochs, batch_size, optimizer, lr, loss, validation_split, augment, seed, workers,
            callbacks, verbose: as for ``Sequential.fit``.
        train: its other arguments: ``{"scheduler": {"name": "cosine"}}``.

    Attributes:
        classes_: the labels, ascending, (classes,).
        n_features_in_: numbers of an image.
        model_: the trained ``Sequential``.
        history_: of the training.

    Examples:
        >>> import numpy as np
        >>> from engine import CNNClassifier, Dense, Flatten
        >>> y = np.arange(60) % 2
        >>> X = np.random.default_rng(0).random((60, 16)) + y[:, None]
        >>> classifier = CNNClassifier([Flatten(), Dense(2)], image_shape=(4, 4), lr=0.05)
        >>> classifier.fit(X, y).score(X, y)
        1.0
        >>> classifier
        CNNClassifier(layers=[Flatten(), Dense(2)], image_shape=(4, 4), lr=0.05)
    """

    _estimator_type = "classifier"  # for scikit-learn before 1.6

    classes_: np.ndarray
    n_features_in_: int
    model_: Sequential
    history_: History

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        optimizer: str | Mapping[str, Any] = "adam",
        lr: float = 0.001,
        loss: str = "cross_entropy",
        validation_split: float | int = 0.1,
        augment: Mapping[str, Any] | None = None,
        seed: int = 42,
        workers: int | None = None,
        callbacks: Sequence[Any] = (),
        verbose: bool = False,
        train: Mapping[str, Any] | None = None,
    ) -> None:
        # As they are: scikit-learn clones a classifier by these, and checks that they stay.
        self.layers = layers
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.loss = loss
        self.validation_split = validation_split
        self.augment = augment
        self.seed = seed
        self.workers = workers
        self.callbacks = callbacks
        self.verbose = verbose
        self.train = train

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network.

        Args:
            X: images, (N, C, H, W), (N, H, W), or (N, features) with ``image_shape``.
            y: the class of each, (N,), whole numbers or names.

        Raises:
            ConfigError, ShapeError, DTypeError, DataError, Diverged: as ``Sequential.fit``.
            KeyboardInterrupt: Ctrl-C, so that a search ends, too; ``model_`` has what was learnt.
        """
        images = self._images(X)
        self.model_ = Sequential(self._layers_for(images, y))
        arguments = self.get_params()
        for name in ("layers", "image_shape", "train"):
            del arguments[name]
        self.history_ = self.model_.fit(images, y, **arguments, **(self.train or {}))
        self.classes_ = self.model_.classes
        self.n_features_in_ = int(np.prod(self.model_.image_shape))
        if (self.history_.stopped or "").startswith(INTERRUPTED):
            raise KeyboardInterrupt(self.history_.stopped)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of every image, (N,).

        Raises:
            NotReadyError: ``fit`` was not called.
            ShapeError, DTypeError, DataError: X has other images than those of ``fit``.
        """
        return self._fitted.predict(self._images(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of every class, (N, classes), in the order of ``classes_``.

        Raises:
            NotReadyError, ShapeError, DTypeError, DataError: as ``predict``.
        """
        return self._fitted.predict_proba(self._images(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of images whose class is predicted, each counting as its weight says.

        Raises:
            NotReadyError, ShapeError, DTypeError, DataError: as ``predict``.
        """
        return float(np.average(self.predict(X) == np.asarray(y), weights=sample_weight))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments by name; ``deep`` changes nothing, as none is an estimator."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change arguments, for the next ``fit``.

        Raises:
            ValueError: there is no such argument.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(f"CNNClassifier has no {name!r}; it has {', '.join(known)}")
            setattr(self, name, value)
        return self

    @property
    def _fitted(self) -> Sequential:
        if not self.__sklearn_is_fitted__():
            raise NotReadyError("this CNNClassifier is not trained yet: call fit(X, y) first")
        return self.model_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "classes_")

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks for since 1.6; only it calls this."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(three_d_array=True),
        )

    def _images(self, X: Any) -> np.ndarray:
        """Rows of features as images; images stay."""
        rows = np.asarray(X)
        if rows.ndim != 2:
            return rows
        features = rows.shape[1]
        if self.image_shape is None:
            side = round(features**0.5)
            shape = (side, side) if side * side == features else ("height", "width")
            raise ShapeError(
                f"X: got rows of {features} features; CNNClassifier needs to know their image: "
                f"give image_shape=({shape[0]}, {shape[1]}) or (C, H, W)"
            )
        if int(np.prod(self.image_shape)) != features:
            raise ShapeError(
                f"X: got rows of {features} features, expected {int(np.prod(self.image_shape))} "
                f"for image_shape={tuple(self.image_shape)}"
            )
        return rows.reshape(len(rows), *self.image_shape)

    def _layers_for(self, images: np.ndarray, y: Any) -> Sequence[Any]:
        if self.layers is not None:
            return self.layers
        return list(starter_layers(Encoding.of(images, y).info(len(images), 1)))

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        shown = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if value is not defaults[name].default and value != defaults[name].default
        )
        return f"CNNClassifier({', '.join(shown)})"
