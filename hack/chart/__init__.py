"""The values of the Helm chart: their models, and the files that are generated from them."""
