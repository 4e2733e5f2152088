"""CIFAR-10: 60,000 colour photos in ten classes (Krizhevsky 2009), binary version."""

from engine.data.cifar import CifarDataset
from engine.data.dataset import PICKLED, Download
from engine.data.registry import register

CIFAR10 = register(
    CifarDataset(
        name="cifar10",
        title="CIFAR-10",
        classes=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        image_shape=(3, 32, 32),
        train_size=50_000,
        test_size=10_000,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        downloads=(
            Download(
                "cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        folders=("cifar-10-batches-bin", "."),
        train_files=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        test_file="test_batch.bin",
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        unreadable=(
            ("cifar-10-batches-py", f"the Python version, {PICKLED}"),
            ("cifar-10-python.tar*", f"the Python version, {PICKLED}"),
            ("cifar-10-batches-mat", "the Matlab version, which is not read"),
            ("cifar-10-matlab.tar*", "the Matlab version, which is not read"),
            ("cifar-100-*", "CIFAR-100, another data set"),
        ),
    )
)
