"""mnist_mini: 5,000 of MNIST's digits, which ship with the project (data/mnist_mini/README.md)."""

from engine.data.idx import IdxDataset
from engine.data.registry import register
from engine.data.sets.mnist import DIGITS
from engine.images import Preparation
from engine.resources import shipped

MNIST_MINI = register(
    IdxDataset(
        name="mnist_mini",
        title="MNIST, 5,000 bundled digits",
        classes=DIGITS,
        image_shape=(1, 28, 28),
        train_size=4_000,
        test_size=1_000,
        mean=(0.1307,),
        std=(0.3081,),
        preparation=Preparation(ink=True),
        folders=(str(shipped("data", "mnist_mini")),),
        sha256={
            "train-images-idx3-ubyte": (
                "01c279c669c4632ea8b97298fee28d0f4c5fe2bf2039e7f822f3feaac779d017"
            ),
            "train-labels-idx1-ubyte": (
                "daf1c61ba276c5ec7656a0a9c541c2f61cb96d7af3a019906cdb4cf08ef09728"
            ),
            "t10k-images-idx3-ubyte": (
                "48e7795fc2f307cac39d091315c695780f904df73fef72545ee5b40d8e7948c3"
            ),
            "t10k-labels-idx1-ubyte": (
                "9f9f83403fa89036e5960042fa3fdded854d1e4a5602fe4b476f8ff0e7865ff8"
            ),
        },
    )
)
