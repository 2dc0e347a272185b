"""The motions that we authored, each a function that draws one way of doing it."""
