"""Kuzushiji-MNIST: 70,000 cursive Japanese characters in MNIST's format (Clanuwat et al. 2018)."""

from engine.data.dataset import OTHER_FORMAT, PICKLED, Download
from engine.data.idx import IdxDataset
from engine.data.registry import register
from engine.images import Preparation

KMNIST = register(
    IdxDataset(
        name="kmnist",
        title="Kuzushiji-MNIST",
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        image_shape=(1, 28, 28),
        train_size=60_000,
        test_size=10_000,
        # As they are usually given, not computed here.
        mean=(0.1918,),
        std=(0.3483,),
        preparation=Preparation(ink=True),
        # The second is torchvision's.
        folders=("kmnist", "KMNIST/raw"),
        unreadable=(
            ("KMNIST/processed/*.pt", PICKLED),
            ("kmnist-*.npz", OTHER_FORMAT),
            ("kmnist/*.npz", OTHER_FORMAT),
        ),
        # The checksums are those of TensorFlow Datasets; of the content none is published.
        downloads=(
            Download(
                "train-images-idx3-ubyte.gz",
                18_165_135,
                "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            ),
            Download(
                "train-labels-idx1-ubyte.gz",
                29_497,
                "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            ),
            Download(
                "t10k-images-idx3-ubyte.gz",
                3_041_136,
                "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            ),
            Download(
                "t10k-labels-idx1-ubyte.gz",
                5_120,
                "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
        ),
        mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    )
)
