"""Hardware design-space exploration: study files, their spaces, the engines that evaluate them. Stores and executors
are beside this package (explore/store.py, explore/executors)."""
