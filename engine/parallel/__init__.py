"""Several processors on one batch, with the same bits for any number of them.

* ``workers`` - the micro-batches of a batch, and how many workers compute them.
* ``group`` - what each of the processes of a group does; ``processes`` - the processes themselves.
* ``threads`` - where micro-batches that are computed at once wait for each other.
* ``shared_memory`` - arrays that all processes see.
"""
