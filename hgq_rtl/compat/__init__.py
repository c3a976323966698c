"""Ways in from other libraries: models trained with HGQ 2, scripts written for HGQ 1."""
