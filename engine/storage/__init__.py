"""Storage: atomic file writes, locks between processes, untrusted JSON.

* ``atomic`` - files replaced in one step, on the disk when the call returns.
* ``locks`` - a file that one process at a time may hold.
* ``untrusted_json`` - values of JSON files checked against types.
"""
