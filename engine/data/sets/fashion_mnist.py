"""Fashion-MNIST: 70,000 pictures of clothes in MNIST's format (Xiao, Rasul, Vollgraf 2017)."""

from engine.data.dataset import OTHER_FORMAT, PICKLED, Download
from engine.data.idx import IdxDataset
from engine.data.registry import register

FASHION_MNIST = register(
    IdxDataset(
        name="fashion_mnist",
        title="Fashion-MNIST",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        image_shape=(1, 28, 28),
        train_size=60_000,
        test_size=10_000,
        mean=(0.2860,),
        std=(0.3530,),
        # The third is torchvision's, the last where Debian's dataset-fashion-mnist puts them.
        folders=(
            "fashion_mnist",
            "fashion-mnist",
            "FashionMNIST/raw",
            "/usr/share/datasets/fashion-mnist",
        ),
        unreadable=(
            ("FashionMNIST/processed/*.pt", PICKLED),
            ("fashion-mnist_*.csv", OTHER_FORMAT),
            ("fashion*mnist/*.csv", OTHER_FORMAT),
            ("fashion*mnist/*.parquet", OTHER_FORMAT),
        ),
        sha256={
            "train-images-idx3-ubyte": (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
            ),
            "train-labels-idx1-ubyte": (
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
            ),
            "t10k-images-idx3-ubyte": (
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
            ),
            "t10k-labels-idx1-ubyte": (
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
            ),
        },
        # The content is pinned, not its compression: these have no checksum of their own.
        downloads=(
            Download("train-images-idx3-ubyte.gz", 26_421_880),
            Download("train-labels-idx1-ubyte.gz", 29_515),
            Download("t10k-images-idx3-ubyte.gz", 4_422_102),
            Download("t10k-labels-idx1-ubyte.gz", 5_148),
        ),
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
    )
)
