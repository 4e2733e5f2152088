"""The arithmetic behind one number of a network, forwards and backwards.

* ``forward`` - the products, and the steps after them, that make a number of a feature map; the
  loss of a sample.
* ``receptive`` - the part of the image that a number can see.
* ``backward`` - the products whose sum is a weight's gradient; what the gradient at a number of a
  feature map came from.
* ``update`` - the optimizer's steps from a gradient to the new weight.
* ``layers`` - how each layer is explained, registered where it is written.
* ``trace`` - a pass with what every layer was given and what it made of it.
"""
