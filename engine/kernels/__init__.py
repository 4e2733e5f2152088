"""Arrays in, arrays out: the arithmetic under the layers.

* ``geometry`` - where a sliding window lands: output sizes and padding.
* ``im2col``   - the textbook form of convolution as a matrix product, to learn and test from.
* ``conv``     - the fast convolution, with ``winograd`` for 3x3; ``pool`` - the fast pooling.
* ``layout``   - how activations lie in memory; ``workspace`` and ``memory`` - memory that is
  reused instead of being asked for again.
* ``products`` - the sizes of matrix products that BLAS is fastest at; ``parts`` - equal parts.
* ``workers``  - the micro-batches of a batch, with the same bits for any number of workers;
  ``crew`` - what each of those who compute them does, ``team`` - the processes, with what is
  ``shared``; ``meeting`` - where they wait for each other.
"""
