import hgq_rtl  # noqa: F401  (chooses the Keras backend before a test imports keras)
