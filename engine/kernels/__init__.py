"""The arithmetic of the layers: functions from arrays to arrays.

* ``window`` - where a sliding window lands: output sizes and padding.
* ``im2col`` - the textbook form of convolution as a matrix product, to learn and test from.
* ``conv`` - the fast convolution, with ``winograd`` for 3x3; ``pooling`` - the fast pooling.
* ``layout`` - how activations lie in memory; ``scratch`` and ``malloc`` - memory that is reused
  instead of being asked for again; ``aligned`` - memory that begins at a line of the cache.
* ``gemm`` - the sizes of matrix products that BLAS is fastest at; ``partition`` - equal parts.
"""
