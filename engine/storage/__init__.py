"""Files that appear whole or not at all, locks, and JSON from strangers.

* ``atomic`` - files replaced in one step, on the disk when the call returns.
* ``locks`` - a file that one process at a time may hold.
* ``untrusted_json`` - values of JSON files checked against types.
"""
