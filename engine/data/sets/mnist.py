"""MNIST: 70,000 handwritten digits (LeCun, Cortes, Burges 1998)."""

from engine.data.dataset import OTHER_FORMAT, PICKLED, Download
from engine.data.idx import IdxDataset
from engine.data.registry import register
from engine.images import Preparation

DIGITS = tuple("0123456789")

MNIST = register(
    IdxDataset(
        name="mnist",
        title="MNIST",
        classes=DIGITS,
        image_shape=(1, 28, 28),
        train_size=60_000,
        test_size=10_000,
        mean=(0.1307,),
        std=(0.3081,),
        preparation=Preparation(ink=True),
        # The third is torchvision's.
        folders=("mnist", ".", "MNIST/raw"),
        unreadable=(
            ("mnist.pkl*", PICKLED),
            ("mnist/*.pkl*", PICKLED),
            ("MNIST/processed/*.pt", PICKLED),
            ("mnist.npz", OTHER_FORMAT),
            ("mnist/*.npz", OTHER_FORMAT),
            ("mnist_*.csv", OTHER_FORMAT),
            ("mnist/*.csv", OTHER_FORMAT),
            ("mnist/*.parquet", OTHER_FORMAT),
        ),
        sha256={
            "train-images-idx3-ubyte": (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
            ),
            "train-labels-idx1-ubyte": (
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
            ),
            "t10k-images-idx3-ubyte": (
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
            ),
            "t10k-labels-idx1-ubyte": (
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
            ),
        },
        downloads=(
            Download(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            Download(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            Download(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            Download(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    )
)
