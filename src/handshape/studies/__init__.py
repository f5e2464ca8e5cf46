"""Studies: experiments that answer one question with a table, a picture and a sentence.

``steps`` keeps what is finished, ``unfinished`` the run that is not, ``material`` what a study works on, and
``page`` what it has to say; each study is a module with a function from `Material` and `Steps` to `Outcome`.
"""
