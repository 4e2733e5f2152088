"""The layers in the words of other programs: tables from a layer's class to a short function.

They are imported when a network is written, not with the formats, as they need NumPy.
"""
