"""Studies: experiments that answer one question each with tables, plots and a sentence.

Each study is a module with a function from `StudyData` and `Steps` to a `StudyOutcome`.
"""
