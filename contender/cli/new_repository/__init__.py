"""The files of a new repository that uses Contender as a dependency, as `contender new` writes them."""
