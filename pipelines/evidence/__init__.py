"""Where a published number comes from: the runs behind a cell of a mart, and the archived answers that told of them.

What a mart says belongs to sql/marts; that archived files are what was written, to archive/verify.py.
"""
