"""Sweeps on the workers of a Dask cluster.

* ``parcel`` - the files of a run on their way between two machines.
* ``worker`` - what runs on a worker: it trains a trial in a process of its own.
* ``client`` - the cluster, as the process of the sweep sees it.
"""
