"""Several processors on one batch, with the same bits for any number of them.

* ``micro_batches`` - the fixed split of a batch, and the fixed tree of sums.
* ``workers`` - how many compute, in processes or threads; ``blas`` - its limit meanwhile.
* ``processes`` - the pool of worker processes; ``group`` - what one of them sees of the others.
* ``threads`` - micro-batches that wait for each other in an all-gather.
* ``ranks`` - processes on several machines; ``launcher`` - who began them; ``mpi`` - what is sent.
* ``partial_sums`` - sums of some micro-batches, as ranks send them.
* ``shared_memory`` - arrays, orders and values that all processes see.
"""
