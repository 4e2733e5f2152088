"""The arithmetic behind one number of a network, forwards and backwards.

* ``arithmetic`` - the products that make a number, and the steps after them.
"""
