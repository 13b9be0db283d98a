# A file that is not there.
# file: tests/errors/not_there.py
# fails: [no-file]
