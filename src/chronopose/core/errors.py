"""The one exception for what a user can put right."""


class InputError(ValueError):
    """Bad input from outside: a file, a flag, a field.

    The message is one line that names the thing, the value found and the value wanted. The command line prints it
    without a traceback and exits with code 1; library users may catch it as a `ValueError`.
    """
