"""Reports on runs, as one HTML page, as Markdown, and as figures.

* ``gather`` - what a report says of a run, and runs that differ in their seed alone.
* ``figures`` - curves, confusion matrix, filters and mistakes, drawn by matplotlib.
* ``document`` - the parts of a report in their order: texts, tables, pictures.
* ``html``, ``markdown`` - these parts as a page; the names of strangers are escaped here.
"""
