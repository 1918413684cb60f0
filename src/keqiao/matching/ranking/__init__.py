"""The second look at the nearest documents: features of a pair of texts, and a linear model that weighs them."""
