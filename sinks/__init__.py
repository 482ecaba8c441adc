"""Where results leave: the store, the files, and the screens that follow the store."""
