"""CIFAR-100: 60,000 colour photos in a hundred classes (Krizhevsky 2009), binary version."""

from engine.data.cifar import CifarDataset
from engine.data.dataset import PICKLED, Download
from engine.data.registry import register

_CLASSES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
    couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
    house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
    pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket
    rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
    sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
    turtle wardrobe whale willow_tree wolf woman worm
"""

CIFAR100 = register(
    CifarDataset(
        name="cifar100",
        title="CIFAR-100",
        classes=tuple(name.replace("_", " ") for name in _CLASSES.split()),
        image_shape=(3, 32, 32),
        train_size=50_000,
        test_size=10_000,
        # As they are usually given, not computed here.
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        # The checksum is that of TensorFlow Datasets.
        downloads=(
            Download(
                "cifar-100-binary.tar.gz",
                168_513_733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            ),
        ),
        folders=("cifar-100-binary",),
        train_files=("train.bin",),
        test_file="test.bin",
        labels=2,
        label=1,  # the first is that of one of twenty groups of classes
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        unreadable=(
            ("cifar-100-python*", f"the Python version, {PICKLED}"),
            ("cifar-100-matlab*", "the Matlab version, which is not read"),
        ),
    )
)
